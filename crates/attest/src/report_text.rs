//! A report as a tree for people.

use std::fmt;

use crate::claims::Protection;
use crate::platform::Platform;
use crate::report::{Outcome, Report};

impl Report {
    /// The tree in ASCII, for terminals and logs that show nothing else.
    #[must_use]
    pub const fn plain(&self) -> Plain<'_> {
        Plain(self)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(&View::of(self), f, &Signs::TREE)
    }
}

/// A [`Report`] that prints in ASCII.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'a>(&'a Report);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(&View::of(self.0), f, &Signs::PLAIN)
    }
}

/// What is drawn: a report just made, or one read from a file.
pub(crate) struct View<'a> {
    pub(crate) subject: String,
    pub(crate) refused: bool,
    pub(crate) platform: Option<Platform>,
    pub(crate) protection: Option<Protection>,
    pub(crate) tcb: Option<&'a str>,
    pub(crate) advisories: &'a [String],
    pub(crate) checks: Vec<Line<'a>>,
}

/// One check that is drawn.
pub(crate) struct Line<'a> {
    pub(crate) step: &'a str,
    pub(crate) id: &'a str,
    pub(crate) outcome: &'a Outcome,
    pub(crate) why: &'a str,
}

impl<'a> View<'a> {
    fn of(report: &'a Report) -> Self {
        let lines = report.checks().iter().map(|check| Line {
            step: check.step,
            id: check.id,
            outcome: &check.outcome,
            why: check.why,
        });
        Self {
            subject: report.subject().to_string(),
            refused: report.first_failure().is_some(),
            platform: report.platform(),
            protection: report.protection(),
            tcb: report.tcb().map(|tcb| tcb.status.as_str()),
            advisories: report.tcb().map_or(&[], |tcb| tcb.advisories.as_slice()),
            checks: lines.collect(),
        }
    }
}

/// What the tree is drawn with.
pub(crate) struct Signs {
    branch: &'static str,
    last: &'static str,
    trunk: &'static str,
    passed: &'static str,
    failed: &'static str,
    excused: &'static str,
    skipped: &'static str,
}

impl Signs {
    pub(crate) const TREE: Self = Self {
        branch: "├─",
        last: "└─",
        trunk: "│ ",
        passed: "✓",
        failed: "✗",
        excused: "!",
        skipped: "–",
    };
    const PLAIN: Self = Self {
        branch: "|-",
        last: "`-",
        trunk: "| ",
        passed: "ok  ",
        failed: "FAIL",
        excused: "EXC ",
        skipped: "n/a ",
    };
}

/// Narrower ids are filled up to this width.
const ID_WIDTH_MIN: usize = 16;

pub(crate) fn write(view: &View<'_>, f: &mut fmt::Formatter<'_>, signs: &Signs) -> fmt::Result {
    let verdict = if view.refused {
        "refused"
    } else {
        "every check passed"
    };
    write!(f, "evidence of {}: {verdict}", on_one_line(&view.subject))?;
    if let Some(platform) = view.platform {
        write!(f, "\n{} platform {platform}", signs.branch)?;
    }
    if let Some(protection) = view.protection {
        write!(f, " ({protection})")?;
    }
    if let Some(tcb) = view.tcb {
        write!(f, "\n{} TCB {}", signs.branch, on_one_line(tcb))?;
        if !view.advisories.is_empty() {
            write!(f, ", open: {}", on_one_line(&view.advisories.join(", ")))?;
        }
    }
    let width = view.checks.iter().map(|check| check.id.len()).max();
    let width = width.unwrap_or(0).max(ID_WIDTH_MIN);
    for (index, check) in view.checks.iter().enumerate() {
        let is_last = index + 1 == view.checks.len();
        let branch = if is_last { signs.last } else { signs.branch };
        let (sign, text) = describe(check.outcome, signs);
        let (step, id) = (on_one_line(check.step), on_one_line(check.id));
        write!(
            f,
            "\n{branch} {sign} {step:>2} {id:<width$} {}",
            on_one_line(&text)
        )?;
        if matches!(check.outcome, Outcome::Failed { .. }) {
            let trunk = if is_last { "  " } else { signs.trunk };
            write!(
                f,
                "\n{trunk} {:indent$} {}",
                "",
                on_one_line(check.why),
                indent = signs.failed.chars().count() + 3
            )?;
        }
    }
    Ok(())
}

/// Names in certificates and events are their authors' own words: none of them draws on a terminal or adds a line.
pub(crate) fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

fn describe(outcome: &Outcome, signs: &Signs) -> (&'static str, String) {
    match outcome {
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
