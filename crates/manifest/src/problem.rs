//! What is wrong with a manifest: every problem at once, each with its place and what to do about it.

use std::cell::RefCell;
use std::fmt;

/// Where in the manifest: a JSON path such as `$.Marbles.frontend.Parameters.Env["A B"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(String);

impl Path {
    pub(crate) fn root() -> Self {
        Self("$".to_owned())
    }

    pub(crate) fn key(&self, key: &str) -> Self {
        let plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let shown: String = key.chars().take(NAME_SHOWN_MAX).collect();
        Self(if plain {
            format!("{}.{shown}", self.0)
        } else {
            format!("{}[{shown:?}]", self.0)
        })
    }

    pub(crate) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// At which of the two readings of a manifest something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It is not JSON of the right shape: syntax, types, unknown or duplicate fields.
    Decode,
    /// The shape is right, but a rule or a reference is broken.
    Check,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// Which reading found it.
    pub stage: Stage,
    /// JSON path of the place.
    pub path: String,
    /// What is wrong there.
    pub message: String,
    /// What to write instead, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a manifest, in the order in which it was found; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ManifestErrors {
    problems: Vec<Problem>,
    omitted: usize,
}

impl ManifestErrors {
    /// The problems, at most a few hundred of them.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many more there were beyond [`problems`](Self::problems).
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// The earliest stage at which something failed.
    pub fn stage(&self) -> Stage {
        let decode = self.problems.iter().any(|problem| problem.stage == Stage::Decode);
        if decode { Stage::Decode } else { Stage::Check }
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        match self.omitted {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Collects problems; shared by everything that reads one manifest.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: RefCell<Vec<Problem>>,
    omitted: std::cell::Cell<usize>,
}

impl Problems {
    pub(crate) fn decode(&self, path: &Path, message: impl Into<String>, hint: Option<String>) {
        self.push(Stage::Decode, path, message.into(), hint);
    }

    pub(crate) fn check(&self, path: &Path, message: impl Into<String>) {
        self.push(Stage::Check, path, message.into(), None);
    }

    pub(crate) fn check_hint(&self, path: &Path, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Stage::Check, path, message.into(), Some(hint.into()));
    }

    /// Whether what comes now is only counted: then nobody need look for hints.
    pub(crate) fn is_full(&self) -> bool {
        self.list.borrow().len() >= PROBLEMS_MAX
    }

    /// How many so far: a rule about a part that could not be read in full would only repeat what was said.
    pub(crate) fn count(&self) -> usize {
        self.list.borrow().len() + self.omitted.get()
    }

    pub(crate) fn into_result<T>(self, value: T) -> Result<T, ManifestErrors> {
        let problems = self.list.into_inner();
        if problems.is_empty() {
            return Ok(value);
        }
        Err(ManifestErrors {
            problems,
            omitted: self.omitted.get(),
        })
    }

    fn push(&self, stage: Stage, path: &Path, message: String, hint: Option<String>) {
        let mut list = self.list.borrow_mut();
        if list.len() >= PROBLEMS_MAX {
            self.omitted.set(self.omitted.get() + 1);
            return;
        }
        list.push(Problem {
            stage,
            path: path.to_string(),
            message,
            hint,
        });
    }
}

/// The closest of `known` to what was written, for "did you mean".
pub(crate) fn closest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if written.len() > NAME_SHOWN_MAX {
        return None;
    }
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= NAME_SHOWN_MAX)
        .map(|candidate| {
            let distance =
                strsim::damerau_levenshtein(&written.to_ascii_lowercase(), &candidate.to_ascii_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The hint "did you mean" for a name that refers to nothing.
pub(crate) fn did_you_mean<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    closest(written, known).map(|name| format!("did you mean `{name}`?"))
}

const PROBLEMS_MAX: usize = 200;
const NAME_SHOWN_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_quote_what_is_no_word() {
        let path = Path::root().key("Marbles").key("a b").index(2).key("Env");
        assert_eq!(path.to_string(), "$.Marbles[\"a b\"][2].Env");
    }

    #[test]
    fn suggests_only_what_is_close() {
        assert_eq!(closest("SignreID", ["SignerID", "UniqueID"]), Some("SignerID"));
        assert_eq!(closest("signerid", ["SignerID", "UniqueID"]), Some("SignerID"));
        assert_eq!(closest("Quux", ["SignerID", "UniqueID"]), None);
    }
}
