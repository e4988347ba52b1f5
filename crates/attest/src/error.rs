//! Why evidence was refused: a stable code, whose evidence it was, a sentence, and the report of every check.

use crate::binding::Subject;
use crate::code::{self, Code};
use crate::evidence::ParseError;
use crate::report::Report;

/// Evidence was refused.
#[derive(Debug, Clone, thiserror::Error)]
#[error("evidence of {subject} refused: {reason} [{code}]")]
pub struct VerifyError {
    pub(crate) code: Code,
    pub(crate) subject: Subject,
    pub(crate) reason: String,
    pub(crate) report: Box<Report>,
}

impl VerifyError {
    /// The error that a report with a failed check tells.
    pub(crate) fn of(report: &Report) -> Self {
        let (code, reason) = report
            .refusal()
            .unwrap_or((code::MALFORMED, "it proves nothing".to_owned()));
        Self {
            code,
            subject: report.subject().clone(),
            reason,
            report: Box::new(report.clone()),
        }
    }

    /// The stable code of the first check that failed.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Whose evidence it was.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What is wrong, with what was expected and found.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Every check that was made, up to the refusal.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }
}

impl ParseError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NotBuiltIn(_) => code::PLATFORM,
            _ => code::MALFORMED,
        }
    }

    /// The same refusal, saying whose evidence it was.
    #[must_use]
    pub fn of(self, subject: Subject) -> VerifyError {
        let report = Report::unread(subject.clone(), &self);
        VerifyError {
            code: self.code(),
            subject,
            reason: self.to_string(),
            report: Box::new(report),
        }
    }
}
