//! What may have been measured: files by path and hash.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::content::Shown;
use super::{Entry, MeasuredFiles};

/// A policy on measured files. Violations, where a hash says nothing, are always refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImaPolicy {
    /// Files that may have been measured. A path listed more than once may have any of its hashes; a listed path with
    /// none of its hashes is refused.
    pub files: Vec<ImaFile>,
    /// What becomes of files whose path is not listed.
    #[serde(default)]
    pub others: OtherFiles,
}

/// A file as a policy names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImaFile {
    /// Its path, spaces as underscores.
    pub path: String,
    /// Its hash.
    pub digest: FileDigest,
}

/// A hash as a list has it: `sha256:digits`, or `sha384`, or `sha512`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest(String);

/// What becomes of files whose path a policy does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OtherFiles {
    /// They are refused.
    #[default]
    Refuse,
    /// They may be any.
    Accept,
}

/// A measured file is not as the policy wants it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {number} of the list of measured files, {}: {reason}", Shown(.path))]
pub struct ImaPolicyFailure {
    /// The entry.
    pub number: usize,
    /// Its path.
    pub path: String,
    reason: String,
}

impl ImaPolicy {
    /// Holds the files that a quote vouches for against the policy. The first entry, `boot_aggregate`, is no file: see
    /// [`MeasuredFiles::boot_aggregate`].
    ///
    /// # Errors
    /// [`ImaPolicyFailure`] at the first file that is not allowed.
    pub fn check(&self, measured: &MeasuredFiles<'_>) -> Result<(), ImaPolicyFailure> {
        let mut allowed: BTreeMap<&[u8], Vec<&str>> = BTreeMap::new();
        for file in &self.files {
            let digests = allowed.entry(file.path.as_bytes()).or_default();
            digests.push(&file.digest.0);
        }
        let files = measured
            .entries()
            .iter()
            .filter(|entry| !entry.is_boot_aggregate());
        for entry in files {
            if entry.is_violation() {
                return Err(failure(entry, "it changed while it was measured".to_owned()));
            }
            let found = entry.file_hash();
            match allowed.get(entry.path()) {
                Some(digests) if digests.contains(&found.as_str()) => {}
                Some(digests) => {
                    let expected = digests.join(" or ");
                    let reason = format!("expected {expected}, found {}", Shown(&found));
                    return Err(failure(entry, reason));
                }
                None if self.others == OtherFiles::Accept => {}
                None => return Err(failure(entry, "the policy does not list it".to_owned())),
            }
        }
        Ok(())
    }
}

fn failure(entry: &Entry<'_>, reason: String) -> ImaPolicyFailure {
    ImaPolicyFailure {
        number: entry.number(),
        path: String::from_utf8_lossy(entry.path()).into_owned(),
        reason,
    }
}

/// A text is no hash that a policy may name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a file's digest is `sha256:`, `sha384:` or `sha512:` and as many lower-case hexadecimal digits as it has"
)]
pub struct NotAFileDigest;

impl FromStr for FileDigest {
    type Err = NotAFileDigest;

    fn from_str(text: &str) -> Result<Self, NotAFileDigest> {
        let (algorithm, digits) = text.split_once(':').ok_or(NotAFileDigest)?;
        let length = match algorithm {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => return Err(NotAFileDigest),
        };
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() == length && digits.bytes().all(is_digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAFileDigest)
        }
    }
}

impl fmt::Display for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for FileDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
