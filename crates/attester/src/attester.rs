//! What a platform does for the program that runs on it (the Attester of RFC 9334, and sealing).

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use async_trait::async_trait;
use strongroom_attest::{Evidence, Platform, Protection};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::secret::SealKey;

use crate::enrolment::Enrolment;
use crate::error::AttesterError;

/// A platform, as the program that runs on it sees it.
#[async_trait]
pub trait Attester: fmt::Debug + Send + Sync {
    /// The platform.
    fn platform(&self) -> Platform;

    /// What the platform protects the program from; shown in words wherever a status is shown.
    fn protection(&self) -> Protection;

    /// Fresh evidence of this program with these 64 bytes in it, which come of [`strongroom_attest::Binding`]. A
    /// launcher hands in its workload, whose digest becomes part of the evidence.
    ///
    /// # Errors
    /// [`AttesterError`].
    async fn evidence(
        &self,
        report_data: &[u8; 64],
        workload: Option<Workload<'_>>,
    ) -> Result<Evidence, AttesterError>;

    /// The key that only this program gets, on this machine, with the same debug and simulation flags.
    ///
    /// # Errors
    /// [`AttesterError`].
    async fn seal_key(&self, policy: SealPolicy) -> Result<SealKey, AttesterError>;

    /// The value of a monotonic counter. Where it starts is the platform's choice; a counter that was lost, or removed
    /// by somebody, starts above every value that it had.
    ///
    /// # Errors
    /// [`AttesterError`].
    async fn counter_read(&self, name: &CounterName) -> Result<u64, AttesterError>;

    /// One step of a monotonic counter: one more than before. Returns the value after it, once it can no longer be undone.
    ///
    /// # Errors
    /// [`AttesterError`].
    async fn counter_advance(&self, name: &CounterName) -> Result<u64, AttesterError>;

    /// By what a program on this machine reaches the platform: a launcher hides these files and folders from the program
    /// that it starts, which could attest in the launcher's name otherwise. Empty where the platform tells its callers
    /// apart itself.
    fn devices(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// How a verifier gets to know the platform's attestation key, where no vendor vouches for that key itself.
    fn enrolment(&self) -> Option<&dyn Enrolment> {
        None
    }
}

/// The workload that a launcher runs, as the platform is told of it.
#[derive(Debug, Clone, Copy)]
pub struct Workload<'a> {
    /// The description's bytes, for a platform that computes the digest itself and takes nobody's word for it.
    pub description: &'a [u8],
    /// The description's digest as crate `workload` computes it, for a platform that is extended by the measured
    /// launcher.
    pub digest: Digest32,
}

/// What a sealing key hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealPolicy {
    /// The program's measurement: an update of the program gets another key.
    Measurement,
}

/// The name of a monotonic counter: 1 to 64 lower-case letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CounterName(String);

/// A text names no counter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a counter's name is 1 to 64 lower-case letters, digits, `-`, `_` and `.`")]
pub struct NotACounterName;

impl CounterName {
    /// Longest name, in bytes.
    pub const BYTES_MAX: usize = 64;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CounterName {
    type Err = NotACounterName;

    fn from_str(name: &str) -> Result<Self, NotACounterName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let good = !name.is_empty() && name.len() <= Self::BYTES_MAX && name.bytes().all(allowed);
        if good {
            Ok(Self(name.to_owned()))
        } else {
            Err(NotACounterName)
        }
    }
}
