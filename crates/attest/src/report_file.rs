//! A report as it was written down: read again to explain it. It says what somebody found, and proves nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::claims::Protection;
use crate::platform::Platform;
use crate::report::{Outcome, Report};
use crate::report_text::{self, Signs, View};

/// The JSON of a [`Report`] (`docs/schema/report.v1.json`), from a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenReport {
    /// `accepted` or `refused`.
    pub verdict: String,
    /// Id of the first check that failed.
    pub first_failed_check: Option<String>,
    /// Whose evidence it was.
    pub subject: String,
    /// The platform that the evidence named.
    pub platform: Option<Platform>,
    /// What the platform protects from.
    pub protection: Option<Protection>,
    /// The maker's word on the platform's patches.
    pub tcb_status: Option<String>,
    /// Advisories that were open.
    pub advisories: Option<Vec<String>>,
    /// Every check.
    pub checks: Vec<WrittenCheck>,
}

/// One check of a [`WrittenReport`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenCheck {
    /// The number of the step that it belongs to.
    pub step: String,
    /// Its stable id.
    pub id: String,
    /// The code with which it refuses.
    pub code: String,
    /// How it came out.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What it is good for.
    pub explanation: String,
}

/// A text is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no report of a verification (docs/schema/report.v1.json): {0}")]
pub struct NotAReport(String);

impl WrittenReport {
    /// Largest report that is read, in bytes.
    const BYTES_MAX: usize = 4 * 1024 * 1024;

    /// Reads a report.
    ///
    /// # Errors
    /// [`NotAReport`].
    pub fn parse(json: &[u8]) -> Result<Self, NotAReport> {
        if json.len() > Self::BYTES_MAX {
            return Err(NotAReport(format!("larger than {} bytes", Self::BYTES_MAX)));
        }
        serde_json::from_slice(json).map_err(|error| NotAReport(error.to_string()))
    }

    fn view(&self) -> View<'_> {
        View {
            subject: self.subject.clone(),
            refused: self.verdict != "accepted",
            platform: self.platform,
            protection: self.protection,
            tcb: self.tcb_status.as_deref(),
            advisories: self.advisories.as_deref().unwrap_or_default(),
            checks: self
                .checks
                .iter()
                .map(|check| report_text::Line {
                    step: &check.step,
                    id: &check.id,
                    outcome: &check.outcome,
                    why: &check.explanation,
                })
                .collect(),
        }
    }
}

impl From<&Report> for WrittenReport {
    fn from(report: &Report) -> Self {
        Self {
            verdict: report.verdict().to_owned(),
            first_failed_check: report.first_failure().map(|check| check.id.to_owned()),
            subject: report.subject().to_string(),
            platform: report.platform(),
            protection: report.protection(),
            tcb_status: report.tcb().map(|tcb| tcb.status.clone()),
            advisories: report.tcb().map(|tcb| tcb.advisories.clone()),
            checks: report
                .checks()
                .iter()
                .map(|check| WrittenCheck {
                    step: check.step.to_owned(),
                    id: check.id.to_owned(),
                    code: check.code.to_string(),
                    outcome: check.outcome.clone(),
                    explanation: check.why.to_owned(),
                })
                .collect(),
        }
    }
}

impl fmt::Display for WrittenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        report_text::write(&self.view(), f, &Signs::TREE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binding::Subject;
    use crate::step;

    fn report() -> Report {
        let mut report = Report::new(Subject::File, Platform::Snp, Protection::Confidential);
        report.pass(step::FORM, "bytes");
        report.skip(step::BINDING, "nothing given");
        report.fail(step::DEBUG, "no debug mode", "debug mode");
        report
    }

    #[test]
    fn a_report_reads_as_it_was_written() {
        let json = serde_json::to_vec(&report()).expect("JSON");
        let written = WrittenReport::parse(&json).expect("a report");
        assert_eq!(written, WrittenReport::from(&report()));
        assert_eq!(written.to_string(), report().to_string());
        let again: serde_json::Value = serde_json::to_value(&written).expect("JSON");
        assert_eq!(again, serde_json::to_value(report()).expect("JSON"));
        assert!(WrittenReport::parse(b"{}").is_err());
        assert!(WrittenReport::parse(&vec![b' '; WrittenReport::BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn a_refusal_is_one_line() {
        let mut report = Report::new(Subject::File, Platform::Snp, Protection::Confidential);
        report.fail(step::DEBUG, "no debug mode", "a\nb\u{1b}[2J");
        let (_, sentence) = report.refusal().expect("refused");
        assert!(!sentence.contains(char::is_control), "{sentence:?}");
    }

    #[test]
    fn what_a_report_says_cannot_draw_on_a_terminal() {
        let mut written = WrittenReport::from(&report());
        written.subject = "\u{1b}[2J".to_owned();
        written.checks[0].id = "a\nb".to_owned();
        written.checks[1].outcome = Outcome::NotApplicable {
            why: "\u{9b}x".to_owned(),
        };
        let text = written.to_string();
        let drawn = |letter: char| letter.is_control() && letter != '\n';
        assert!(!text.contains(drawn), "{text:?}");
        assert_eq!(text.lines().count(), report().to_string().lines().count());
    }
}
