//! The story of a verification: every check with its number, passed, failed (with what was expected and found) or not
//! applicable. Printable as a tree and as JSON. It is no verdict: that is the `Ok` of [`crate::verify`] and
//! [`crate::ReferenceValues::appraise`].

use std::fmt;

use serde::Serialize;

use crate::binding::Subject;
use crate::claims::Protection;
use crate::code::{self, Code};
use crate::evidence::ParseError;
use crate::platform::Platform;

/// One numbered step of verification or appraisal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    number: &'static str,
    name: &'static str,
    code: Code,
    refusal: &'static str,
}

/// The steps, numbered as in `docs/flows/activation.md` and in the module documentation of `verify` and `reference`.
pub mod step {
    use super::{Code, Step, code};

    const fn new(number: &'static str, name: &'static str, code: Code, refusal: &'static str) -> Step {
        Step {
            number,
            name,
            code,
            refusal,
        }
    }

    /// The bytes are evidence.
    pub const FORM: Step = new("1", "form", code::MALFORMED, "it cannot be read");
    /// The platform is accepted and built in.
    pub const PLATFORM: Step = new("2", "platform", code::PLATFORM, "its platform is not accepted");
    /// An accepted root vouches for the attestation key.
    pub const ROOT: Step = new("3", "root", code::ROOT, "no accepted root vouches for it");
    /// Certificates lie within their time.
    pub const VALIDITY: Step = new(
        "4",
        "validity",
        code::EXPIRED,
        "its endorsements lie outside their time",
    );
    /// The attestation key signed the evidence.
    pub const SIGNATURE: Step = new("5", "signature", code::SIGNATURE, "its signature is wrong");
    /// The evidence is of now.
    pub const FRESHNESS: Step = new("6", "freshness", code::EXPIRED, "it is not of now");
    /// The evidence speaks of this session.
    pub const BINDING: Step = new("7", "binding", code::BINDING, "it is bound to another session");
    /// The platform protects enough.
    pub const PROTECTION: Step = new(
        "8",
        "protection",
        code::PROTECTION,
        "its platform protects less than is accepted",
    );
    /// Nobody can look into the attester.
    pub const DEBUG: Step = new("9", "debug", code::DEBUG, "the attester runs in debug mode");
    /// The program is an expected one.
    pub const MEASUREMENT: Step = new("10", "measurement", code::MEASUREMENT, "it is another program");
    /// An expected party signed the program.
    pub const SIGNER: Step = new("11", "signer", code::SIGNER, "another party signed the program");
    /// The program is the expected product.
    pub const PRODUCT: Step = new("12", "product", code::PRODUCT, "it is another product");
    /// The program is recent enough.
    pub const SECURITY_VERSION: Step = new(
        "13",
        "security version",
        code::SECURITY_VERSION,
        "its security version is too low",
    );
    /// The workload is an expected one.
    pub const WORKLOAD: Step = new("14", "workload", code::WORKLOAD, "it runs another workload");
    /// The coordinator enforces an expected manifest.
    pub const MANIFEST: Step = new(
        "15",
        "manifest",
        code::MANIFEST_DIGEST,
        "the coordinator enforces another manifest",
    );
}

/// One check and how it came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The step's number, such as `7`.
    pub step: &'static str,
    /// The step's name, such as `binding`.
    pub name: &'static str,
    /// The code with which the step refuses.
    pub code: Code,
    /// How it came out.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// How a check came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It held.
    Passed {
        /// What was found.
        found: String,
    },
    /// It did not hold.
    Failed {
        /// What would have been accepted.
        expected: String,
        /// What was found.
        found: String,
    },
    /// There was nothing to check.
    NotApplicable {
        /// Why.
        why: String,
    },
}

/// Every check of one piece of evidence, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    subject: Subject,
    platform: Option<Platform>,
    protection: Option<Protection>,
    checks: Vec<Check>,
}

impl Report {
    pub(crate) fn new(subject: Subject, platform: Platform, protection: Protection) -> Self {
        Self {
            subject,
            platform: Some(platform),
            protection: Some(protection),
            checks: Vec::with_capacity(16),
        }
    }

    /// The report on bytes that could not even be read.
    pub(crate) fn unread(subject: Subject, error: &ParseError) -> Self {
        let platform = match error {
            ParseError::NotBuiltIn(platform) => Some(*platform),
            _ => None,
        };
        let mut report = Self {
            subject,
            platform,
            protection: None,
            checks: Vec::new(),
        };
        let failed = if platform.is_some() {
            step::PLATFORM
        } else {
            step::FORM
        };
        report.fail(
            failed,
            "evidence of a platform built into this program".to_owned(),
            error.to_string(),
        );
        report
    }

    /// Whose evidence it is.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The platform that the evidence names.
    #[must_use]
    pub const fn platform(&self) -> Option<Platform> {
        self.platform
    }

    /// What the platform protects from, once known.
    #[must_use]
    pub const fn protection(&self) -> Option<Protection> {
        self.protection
    }

    /// The checks, in order.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The first check that failed.
    #[must_use]
    pub fn first_failure(&self) -> Option<&Check> {
        self.checks
            .iter()
            .find(|check| matches!(check.outcome, Outcome::Failed { .. }))
    }

    /// The tree in ASCII, for terminals and logs that show nothing else.
    #[must_use]
    pub const fn plain(&self) -> Plain<'_> {
        Plain(self)
    }

    pub(crate) fn passed_count(&self) -> usize {
        self.checks
            .iter()
            .filter(|check| matches!(check.outcome, Outcome::Passed { .. }))
            .count()
    }

    pub(crate) fn pass(&mut self, step: Step, found: impl Into<String>) {
        self.push(step, Outcome::Passed { found: found.into() });
    }

    pub(crate) fn fail(&mut self, step: Step, expected: impl Into<String>, found: impl Into<String>) {
        self.push(
            step,
            Outcome::Failed {
                expected: expected.into(),
                found: found.into(),
            },
        );
    }

    pub(crate) fn skip(&mut self, step: Step, why: impl Into<String>) {
        self.push(step, Outcome::NotApplicable { why: why.into() });
    }

    /// Passes or fails the step; `found` is told in both cases.
    pub(crate) fn check(
        &mut self,
        step: Step,
        holds: bool,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) {
        if holds {
            self.pass(step, found)
        } else {
            self.fail(step, expected, found)
        }
    }

    /// The sentence about the first failure, with its code.
    pub(crate) fn refusal(&self) -> Option<(Code, String)> {
        let check = self.first_failure()?;
        let Outcome::Failed { expected, found } = &check.outcome else {
            return None;
        };
        let sentence = STEPS
            .iter()
            .find(|step| step.number == check.step)
            .map_or(check.name, |step| step.refusal);
        Some((
            check.code,
            format!("{sentence} (expected {expected}; found {found})"),
        ))
    }

    fn push(&mut self, step: Step, outcome: Outcome) {
        self.checks.push(Check {
            step: step.number,
            name: step.name,
            code: step.code,
            outcome,
        });
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, signs: &Signs) -> fmt::Result {
        let verdict = if self.first_failure().is_some() {
            "refused"
        } else {
            "every check passed"
        };
        write!(f, "evidence of {}: {verdict}", self.subject)?;
        if let Some(platform) = self.platform {
            write!(f, "\n{} platform {platform}", signs.branch)?;
        }
        if let Some(protection) = self.protection {
            write!(f, " ({protection})")?;
        }
        for (index, check) in self.checks.iter().enumerate() {
            let branch = if index + 1 == self.checks.len() {
                signs.last
            } else {
                signs.branch
            };
            let (sign, text) = match &check.outcome {
                Outcome::Passed { found } => (signs.passed, found.clone()),
                Outcome::Failed { expected, found } => {
                    (signs.failed, format!("expected {expected}; found {found}"))
                }
                Outcome::NotApplicable { why } => (signs.skipped, format!("not applicable: {why}")),
            };
            write!(f, "\n{branch} {sign} {:>2} {:<16} {text}", check.step, check.name)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(
            f,
            &Signs {
                branch: "├─",
                last: "└─",
                passed: "✓",
                failed: "✗",
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
        self.0.write(
            f,
            &Signs {
                branch: "|-",
                last: "`-",
                passed: "ok  ",
                failed: "FAIL",
                skipped: "n/a ",
            },
        )
    }
}

struct Signs {
    branch: &'static str,
    last: &'static str,
    passed: &'static str,
    failed: &'static str,
    skipped: &'static str,
}

const STEPS: &[Step] = &[
    step::FORM,
    step::PLATFORM,
    step::ROOT,
    step::VALIDITY,
    step::SIGNATURE,
    step::FRESHNESS,
    step::BINDING,
    step::PROTECTION,
    step::DEBUG,
    step::MEASUREMENT,
    step::SIGNER,
    step::PRODUCT,
    step::SECURITY_VERSION,
    step::WORKLOAD,
    step::MANIFEST,
];
