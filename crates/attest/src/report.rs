//! The story of a verification: every check with its stable id, passed, failed (with what was expected and found), excused
//! by a named exception, or not applicable. Printable as a tree and as JSON (`docs/schema/report.v1.json`). It is no
//! verdict: that is the `Ok` of [`crate::verify`] and [`crate::ReferenceValues::appraise`].

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::binding::Subject;
use crate::claims::Protection;
use crate::code::Code;
use crate::evidence::ParseError;
use crate::platform::Platform;
use crate::report_text::on_one_line;
use crate::rules::Rules;
pub use crate::step;
use crate::step::Step;

/// One check and how it came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The number of the step that it belongs to, such as `7`.
    pub step: &'static str,
    /// Its stable id, such as `binding`.
    pub id: &'static str,
    /// The code with which it refuses.
    pub code: Code,
    /// How it came out.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What it is good for, one sentence.
    #[serde(rename = "explanation")]
    pub why: &'static str,
    #[serde(skip)]
    refusal: &'static str,
}

/// How a check came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// It did not hold, and the policy names an exception from it.
    Excused {
        /// What would have been accepted.
        expected: String,
        /// What was found.
        found: String,
        /// Who answers for it, why, and until when.
        exception: String,
    },
    /// There was nothing to check.
    NotApplicable {
        /// Why.
        why: String,
    },
}

/// What the maker of the hardware says about how well the platform is patched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TcbSummary {
    /// Intel's word, such as `UpToDate`.
    pub status: String,
    /// Advisories that are open on this platform, in order.
    pub advisories: Vec<String>,
}

/// Every check of one piece of evidence, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    subject: Subject,
    platform: Option<Platform>,
    protection: Option<Protection>,
    tcb: Option<TcbSummary>,
    checks: Vec<Check>,
    rules: Rules,
}

impl Report {
    pub(crate) fn new(subject: Subject, platform: Platform, protection: Protection) -> Self {
        Self {
            subject,
            platform: Some(platform),
            protection: Some(protection),
            tcb: None,
            checks: Vec::with_capacity(32),
            rules: Rules::default(),
        }
    }

    /// The report on bytes that could not even be read.
    pub(crate) fn unread(subject: Subject, error: &ParseError) -> Self {
        let mut report = Self {
            subject,
            platform: error.platform(),
            protection: None,
            tcb: None,
            checks: Vec::new(),
            rules: Rules::default(),
        };
        let (failed, expected) = match error {
            ParseError::NotBuiltIn(_) => (step::PLATFORM, "evidence of a platform built into this program"),
            _ => (step::FORM, "evidence in a form that this program knows"),
        };
        report.fail(failed, expected, error.to_string());
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

    /// The maker's word on the platform's patches, where it has one and it was found.
    #[must_use]
    pub const fn tcb(&self) -> Option<&TcbSummary> {
        self.tcb.as_ref()
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

    pub(crate) fn has_failed(&self, step: Step) -> bool {
        let failed = |check: &Check| matches!(check.outcome, Outcome::Failed { .. });
        self.checks
            .iter()
            .any(|check| check.id == step.id && failed(check))
    }

    /// `accepted` or `refused`.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match self.first_failure() {
            None => "accepted",
            Some(_) => "refused",
        }
    }

    pub(crate) fn passed_count(&self) -> usize {
        self.checks
            .iter()
            .filter(|check| matches!(check.outcome, Outcome::Passed { .. }))
            .count()
    }

    /// The policy's exceptions and demands hold from here on; its demands also for what was found not applicable before.
    pub(crate) fn under(&mut self, rules: Rules) {
        for check in &mut self.checks {
            if let Some(outcome) = rules.demanded(check.id, &check.outcome) {
                check.outcome = outcome;
            }
        }
        self.rules = rules;
    }

    /// All is checked: a check that the policy requires and that nothing made fails. Nobody answers for it.
    pub(crate) fn conclude(&mut self) {
        let required: Vec<_> = self.rules.required().collect();
        for (step, outcome) in required {
            if !self.checks.iter().any(|check| check.id == step.id) {
                self.list(*step, outcome);
            }
        }
    }

    pub(crate) fn set_tcb(&mut self, tcb: TcbSummary) {
        self.tcb = Some(tcb);
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
    #[must_use]
    pub fn refusal(&self) -> Option<(Code, String)> {
        let check = self.first_failure()?;
        let Outcome::Failed { expected, found } = &check.outcome else {
            return None;
        };
        Some((
            check.code,
            on_one_line(&format!("{} (expected {expected}; found {found})", check.refusal)),
        ))
    }

    fn push(&mut self, step: Step, outcome: Outcome) {
        let outcome = self.rules.judge(&step, outcome);
        self.list(step, outcome);
    }

    fn list(&mut self, step: Step, outcome: Outcome) {
        self.checks.push(Check {
            step: step.number,
            id: step.id,
            code: step.code,
            outcome,
            why: step.why,
            refusal: step.refusal,
        });
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let failed = self.first_failure();
        let mut json = serializer.serialize_struct("Report", 8)?;
        json.serialize_field("verdict", self.verdict())?;
        json.serialize_field("first_failed_check", &failed.map(|check| check.id))?;
        json.serialize_field("subject", &self.subject)?;
        json.serialize_field("platform", &self.platform)?;
        json.serialize_field("protection", &self.protection)?;
        json.serialize_field("tcb_status", &self.tcb.as_ref().map(|tcb| &tcb.status))?;
        json.serialize_field("advisories", &self.tcb.as_ref().map(|tcb| &tcb.advisories))?;
        json.serialize_field("checks", &self.checks)?;
        json.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step;
    use strongroom_crypto::time::UnixTime;

    #[test]
    fn a_required_check_that_nothing_made_fails() {
        let judged = |made: &[Step]| {
            let mut report = Report::new(Subject::File, Platform::Snp, Protection::Confidential);
            let required = ["signature", "freshness"].map(str::to_owned);
            report.under(Rules::new(&[], &required, UnixTime(0)));
            made.iter().for_each(|step| report.pass(*step, "it"));
            report.conclude();
            report.first_failure().map(|check| check.id)
        };
        assert_eq!(judged(&[step::SIGNATURE, step::FRESHNESS]), None);
        assert_eq!(judged(&[step::SIGNATURE]), Some("freshness"));
        assert_eq!(judged(&[]), Some("signature"));
    }

    #[test]
    fn what_is_checked_before_there_is_a_policy_knows_no_exceptions() {
        let early = step::all().filter(|step| step.number().parse::<u8>().is_ok_and(|number| number < 8));
        let excusable: Vec<_> = early.filter(|step| step.is_excusable()).map(Step::id).collect();
        assert!(excusable.is_empty(), "{excusable:?}");
    }
}
