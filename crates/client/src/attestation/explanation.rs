//! A report, and what to do about each check that did not hold.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use strongroom_attest::advice::{self, Advice};
use strongroom_attest::{Outcome, Report, WrittenCheck, WrittenReport};

use crate::error::Error;
use crate::files;

/// A report with advice.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The report.
    pub report: WrittenReport,
    /// What to do about each check that failed or was excused, in the report's order.
    pub advice: Vec<Advised>,
}

/// A check that did not hold, and what to do about it.
#[derive(Debug, Clone, Serialize)]
pub struct Advised {
    /// The check.
    pub check: WrittenCheck,
    /// What to do; none where the report names a check that this program does not know.
    pub advice: Option<&'static Advice>,
}

impl Explanation {
    /// Explains a report that was just made.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        Self::of_written(WrittenReport::from(report))
    }

    /// Explains a report from a file, as `attest verify --json` prints it.
    ///
    /// # Errors
    /// [`Error::Input`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let json = files::read_input(path, files::FILE_BYTES_MAX)?;
        let report = WrittenReport::parse(&json);
        let report = report.map_err(|error| Error::input(path.display().to_string(), error))?;
        Ok(Self::of_written(report))
    }

    /// Whether the report says that the evidence was accepted. It says so of a file: nothing is proven by it.
    #[must_use]
    pub fn says_accepted(&self) -> bool {
        self.report.verdict == "accepted"
    }

    fn of_written(report: WrittenReport) -> Self {
        let missed =
            |check: &&WrittenCheck| matches!(check.outcome, Outcome::Failed { .. } | Outcome::Excused { .. });
        let advised = |check: &WrittenCheck| Advised {
            advice: advice::of(&check.id),
            check: check.clone(),
        };
        Self {
            advice: report.checks.iter().filter(missed).map(advised).collect(),
            report,
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.report)?;
        for advised in &self.advice {
            let excused = matches!(advised.check.outcome, Outcome::Excused { .. });
            let excused = if excused { " (excused by the policy)" } else { "" };
            match advised.advice {
                Some(advice) => write!(f, "\n\n{}{excused}\n{advice}", advised.check.id)?,
                // The id is the file's own word: quoted, so that it cannot draw on a terminal.
                None => write!(
                    f,
                    "\n\n{:?}{excused}\n  this program does not know that check: explain the report with the one that made it",
                    advised.check.id
                )?,
            }
        }
        Ok(())
    }
}
