//! The audit log as its readers verify it: the chain from one head to another, and the signed checkpoint. Needs no key
//! but the coordinator's root certificate, and no coordinator.

mod file;
mod follower;

use strongroom_api::coordinator::log::{Actor, Checkpoint, Entry, Head};
use strongroom_crypto::chain::{LogHead, verify_checkpoint};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;

pub use self::file::{LOG_FORMAT, LogFile, LogVerdict};
pub use self::follower::Follower;
use crate::rest::sentence;

/// The log does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The log ends before what was already seen.
    #[error("the log is shorter than the one that was verified before: {found} entries, then {pinned}")]
    Shorter {
        /// Entries when it was verified.
        pinned: u64,
        /// Entries now.
        found: u64,
    },
    /// The entries do not lead from the old head to the new one.
    #[error("the log does not continue the one that was verified before, which had {pinned} entries")]
    NotExtended {
        /// Entries when it was verified.
        pinned: u64,
    },
    /// The entries do not lead to the head.
    #[error("the entries do not add up to the log's head")]
    Broken,
    /// An entry is not the one that the chain covers.
    #[error("entry {sequence} was changed: {what}")]
    Entry {
        /// Its place in the log, from 0.
        sequence: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// The checkpoint does not hold.
    #[error("the log's checkpoint does not hold: {0}")]
    Checkpoint(&'static str),
    /// A log file or an answer has another form.
    #[error("the log cannot be read: {0}")]
    Form(String),
    /// Too many recoveries lie between, and the records that tell them apart are not shown.
    #[error("the log holds recoveries, and its records are shown to users of the manifest only")]
    NeedsUser,
}

impl LogError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Shorter { .. } | Self::NotExtended { .. } => "log.not_extended",
            Self::Broken | Self::Entry { .. } => "log.broken",
            Self::Checkpoint(_) => "log.checkpoint",
            Self::Form(_) => "log.malformed",
            Self::NeedsUser => "log.needs_user",
        }
    }
}

/// Reads a head as the wire writes it.
#[must_use]
pub fn head(wire: &Head) -> LogHead {
    LogHead {
        epoch: wire.epoch,
        size: wire.size,
        hash: Digest32(wire.hash.0),
    }
}

/// Checks that the root's log key signed the checkpoint.
///
/// # Errors
/// [`LogError::Checkpoint`].
pub fn check_checkpoint(
    checkpoint: &Checkpoint,
    deployment: &[u8; 16],
    root: &Certificate,
) -> Result<(), LogError> {
    let refused = LogError::Checkpoint;
    let certificate = Certificate::parse(&checkpoint.certificate.0)
        .map_err(|_| refused("the log key's certificate cannot be read"))?;
    let issuer = root
        .verifying_key()
        .map_err(|_| refused("the root has another kind of key"))?;
    certificate
        .verify_signature_by(&issuer)
        .map_err(|_| refused("the coordinator's root did not certify the log key"))?;
    if certificate.is_ca() {
        return Err(refused("the certificate is an authority's, not the log key's"));
    }
    let key = certificate
        .verifying_key()
        .map_err(|_| refused("the log key is of an unknown kind"))?;
    verify_checkpoint(
        &key,
        deployment,
        &head(&checkpoint.head),
        UnixTime(checkpoint.time),
        &checkpoint.signature.0,
    )
    .map_err(|_| refused("the log key did not sign it"))
}

/// One entry in one line, as a person reads it.
#[must_use]
pub fn describe((entry, sequence): (&Entry, u64)) -> String {
    let Some(record) = &entry.record else {
        return format!("{sequence:>6}  (shown to users of the manifest only)");
    };
    let actor = match &record.actor {
        Actor::Coordinator => "coordinator".to_owned(),
        Actor::Anonymous => "somebody unknown".to_owned(),
        Actor::User { name, .. } => format!("user {name}"),
        Actor::Marble { marble_type, uuid } => format!("marble {marble_type} {uuid}"),
    };
    let details: Vec<String> = record
        .details
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let time = UnixTime(record.time_ms / 1000);
    sentence(&format!(
        "{sequence:>6}  {time}  {actor}: {}  {}",
        record.event,
        details.join(" ")
    ))
}

#[cfg(test)]
mod tests;
