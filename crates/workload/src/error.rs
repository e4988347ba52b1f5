//! Why a description is refused: where in the JSON, what is wrong, and a hint where one can be given.

use std::fmt;

/// A refused description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("workload description: {path}: {problem}")]
pub struct DescriptionError {
    /// Place in the document, as `$.files[2].digest`.
    pub path: String,
    /// What is wrong there.
    pub problem: Problem,
}

impl DescriptionError {
    /// Stable code of this refusal.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.problem {
            Problem::Syntax(_) | Problem::TooLarge { .. } => "workload.syntax",
            Problem::UnknownField { .. } => "workload.unknown_field",
            Problem::Duplicate => "workload.duplicate",
            Problem::Missing(_) => "workload.missing_field",
            Problem::Type { .. } | Problem::Format { .. } => "workload.wrong_value",
            Problem::Path(_) => "workload.path",
            Problem::EnvironmentName | Problem::EnvironmentForbidden(_) => "workload.environment",
            Problem::ExpectsNothing => "workload.no_expectation",
            Problem::CoordinatorMaySetMeasured => "workload.measured_file",
        }
    }
}

/// What is wrong with a description.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// No JSON, or JSON of a kind that has no place here (fractions, duplicate names).
    Syntax(String),
    /// More bytes, entries or characters than the limit.
    TooLarge {
        /// What is limited.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// A field that no description has.
    UnknownField {
        /// The field's name as found.
        found: String,
        /// The known field that was probably meant.
        hint: Option<&'static str>,
    },
    /// An entry that is there already.
    Duplicate,
    /// A required field is not there.
    Missing(&'static str),
    /// A value of another JSON type.
    Type {
        /// What belongs there.
        expected: &'static str,
        /// The JSON type found.
        found: &'static str,
    },
    /// A value of the right type that means nothing.
    Format {
        /// What belongs there.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// No absolute, plain path.
    Path(&'static str),
    /// No name that an environment variable can have.
    EnvironmentName,
    /// A name that may not be passed on.
    EnvironmentForbidden(&'static str),
    /// An empty list of reference values: it would accept nobody, or be taken for everybody.
    ExpectsNothing,
    /// The coordinator could replace a file that is measured.
    CoordinatorMaySetMeasured,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(what) => f.write_str(what),
            Self::TooLarge { what, max } => write!(f, "at most {max} {what}"),
            Self::UnknownField {
                found,
                hint: Some(hint),
            } => write!(f, "unknown field `{found}`, did you mean `{hint}`?"),
            Self::UnknownField { found, hint: None } => write!(f, "unknown field `{found}`"),
            Self::Duplicate => f.write_str("named twice"),
            Self::Missing(name) => write!(f, "field `{name}` is missing"),
            Self::Type { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::Format { expected, found } => write!(f, "expected {expected}, found `{found}`"),
            Self::Path(why) => write!(f, "expected an absolute, plain path: {why}"),
            Self::EnvironmentName => f.write_str("no name of an environment variable"),
            Self::EnvironmentForbidden(why) => write!(f, "this variable may not be passed on: {why}"),
            Self::ExpectsNothing => {
                f.write_str("at least one reference value, or \"unverified\" in place of the object")
            }
            Self::CoordinatorMaySetMeasured => f.write_str("the coordinator may not replace a measured file"),
        }
    }
}
