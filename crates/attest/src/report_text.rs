//! A report as a tree for people.

use std::fmt;

use crate::report::{Check, Outcome, Report};

impl Report {
    /// The tree in ASCII, for terminals and logs that show nothing else.
    #[must_use]
    pub const fn plain(&self) -> Plain<'_> {
        Plain(self)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(
            self,
            f,
            &Signs {
                branch: "├─",
                last: "└─",
                trunk: "│ ",
                passed: "✓",
                failed: "✗",
                excused: "!",
                skipped: "–",
            },
        )
    }
}

/// A [`Report`] that prints in ASCII.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'a>(&'a Report);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(
            self.0,
            f,
            &Signs {
                branch: "|-",
                last: "`-",
                trunk: "| ",
                passed: "ok  ",
                failed: "FAIL",
                excused: "EXC ",
                skipped: "n/a ",
            },
        )
    }
}

struct Signs {
    branch: &'static str,
    last: &'static str,
    trunk: &'static str,
    passed: &'static str,
    failed: &'static str,
    excused: &'static str,
    skipped: &'static str,
}

/// Narrower ids are filled up to this width.
const ID_WIDTH_MIN: usize = 16;

fn write(report: &Report, f: &mut fmt::Formatter<'_>, signs: &Signs) -> fmt::Result {
    let verdict = if report.first_failure().is_some() {
        "refused"
    } else {
        "every check passed"
    };
    write!(f, "evidence of {}: {verdict}", report.subject())?;
    if let Some(platform) = report.platform() {
        write!(f, "\n{} platform {platform}", signs.branch)?;
    }
    if let Some(protection) = report.protection() {
        write!(f, " ({protection})")?;
    }
    if let Some(tcb) = report.tcb() {
        write!(f, "\n{} TCB {}", signs.branch, tcb.status)?;
        if !tcb.advisories.is_empty() {
            write!(f, ", open: {}", tcb.advisories.join(", "))?;
        }
    }
    let width = report.checks().iter().map(|check| check.id.len()).max();
    let width = width.unwrap_or(0).max(ID_WIDTH_MIN);
    for (index, check) in report.checks().iter().enumerate() {
        let is_last = index + 1 == report.checks().len();
        let branch = if is_last { signs.last } else { signs.branch };
        let (sign, text) = describe(check, signs);
        write!(
            f,
            "\n{branch} {sign} {:>2} {:<width$} {text}",
            check.step, check.id
        )?;
        if matches!(check.outcome, Outcome::Failed { .. }) {
            let trunk = if is_last { "  " } else { signs.trunk };
            write!(
                f,
                "\n{trunk} {:indent$} {}",
                "",
                check.why,
                indent = signs.failed.chars().count() + 3
            )?;
        }
    }
    Ok(())
}

fn describe(check: &Check, signs: &Signs) -> (&'static str, String) {
    match &check.outcome {
        Outcome::Passed { found } => (signs.passed, found.clone()),
        Outcome::Failed { expected, found } => (signs.failed, format!("expected {expected}; found {found}")),
        Outcome::Excused {
            expected,
            found,
            exception,
        } => (
            signs.excused,
            format!("expected {expected}; found {found}; EXCUSED: {exception}"),
        ),
        Outcome::NotApplicable { why } => (signs.skipped, format!("not applicable: {why}")),
    }
}
