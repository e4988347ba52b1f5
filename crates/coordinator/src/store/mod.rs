//! Where the coordinator's state lies. Plaintext exists above the [`barrier`] only; a backend sees opaque bytes, and
//! compares and swaps the log's head.

use async_trait::async_trait;
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::Digest32;

pub mod barrier;
#[cfg(test)]
pub(crate) mod contract;
pub mod file;
pub mod keyfile;

/// Most entries that one call of [`Store::read`] returns, whatever was asked for.
pub const READ_ENTRIES_MAX: usize = 4096;

/// One entry of the log as a backend keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The public record, JSON.
    pub record: Vec<u8>,
    /// SHA-256 of `sealed` as it was written; stays when `sealed` is dropped.
    pub sealed_digest: Digest32,
    /// The sealed part's ciphertext; empty once a snapshot covers the entry.
    pub sealed: Vec<u8>,
}

/// What one commit adds: all of it or nothing is on stable storage afterwards.
#[derive(Debug)]
pub struct Batch {
    /// New entries, oldest first.
    pub entries: Vec<Entry>,
    /// The head after them.
    pub head: LogHead,
    /// The sealed state after them. Where a batch carries one, no entry up to its head needs a sealed part any more.
    pub snapshot: Option<Vec<u8>>,
}

/// What a backend holds when it is opened.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Number of entries.
    pub size: u64,
    /// The newest snapshot, and the head that it stands for.
    pub snapshot: Option<(LogHead, Vec<u8>)>,
    /// The key file.
    pub keys: Option<Vec<u8>>,
}

/// A backend refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else has written since: reload and decide again.
    #[error("the stored log stands at {found} entries, not at {expected}")]
    Conflict {
        /// What the caller built on.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// Another process has the state open.
    #[error("another process has the state in {0} open")]
    Locked(String),
    /// The stored bytes cannot have been left by a crash.
    #[error("the stored state is damaged: {0}")]
    Damaged(String),
    /// The medium failed.
    #[error("the state cannot be {what}")]
    Io {
        /// `read` or `written`.
        what: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// A place for the state. Each backend runs `contract.rs`.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// What is there.
    async fn load(&self) -> Result<Loaded, StoreError>;

    /// Adds `batch` to a log that stands at `expected`. On `Ok` it survives any crash.
    async fn append(&self, expected: &LogHead, batch: Batch) -> Result<LogHead, StoreError>;

    /// Entries from sequence number `from` on: at most `max` and at most [`READ_ENTRIES_MAX`].
    async fn read(&self, from: u64, max: usize) -> Result<Vec<Entry>, StoreError>;

    /// Replaces the snapshot by one of the state at `head`, where the log stands now. Sealed parts up to it are dropped.
    async fn snapshot(&self, head: &LogHead, bytes: Vec<u8>) -> Result<(), StoreError>;

    /// Replaces the key file.
    async fn put_keys(&self, bytes: Vec<u8>) -> Result<(), StoreError>;
}
