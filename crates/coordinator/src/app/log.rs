//! The audit log: the chain for everybody, its records for users of the manifest.

use strongroom_api::coordinator::bytes::Hex32;
use strongroom_api::coordinator::log::{Entry, Record};
use strongroom_api::coordinator::v3;
use strongroom_crypto::digest::sha256;

use super::{Asker, Coordinator, Failure};
use strongroom_api::coordinator::problem::Code;

/// Most entries in one answer.
pub const ENTRIES_MAX: usize = 1000;

impl Coordinator {
    /// Entries from `from` on, at most `max`. Somebody unknown can follow the chain and read nothing.
    ///
    /// # Errors
    /// [`Failure`] when the log cannot be read.
    pub async fn log(&self, asker: Option<&Asker>, from: u64, max: usize) -> Result<v3::Log, Failure> {
        let view = self.view();
        // Nothing behind the view: an entry that is not published is not on stable storage yet.
        let left = usize::try_from(view.head.size.saturating_sub(from)).unwrap_or(usize::MAX);
        let stored = self
            .store
            .read(from, max.min(ENTRIES_MAX).min(left))
            .await
            .map_err(|error| {
                tracing::error!(
                    code = "state.store",
                    error = &error as &dyn std::error::Error,
                    "the log cannot be read"
                );
                Failure::server(Code::StateStore, "the log cannot be read")
            })?;
        let mut entries = Vec::with_capacity(stored.len());
        for entry in stored {
            let record: Record = serde_json::from_slice(&entry.record).map_err(|_| Failure::internal())?;
            let record_digest = Hex32(*sha256(&record.canonical_bytes()).as_bytes());
            let sealed_hash = Hex32(*entry.sealed_digest.as_bytes());
            entries.push(Entry {
                record: asker.map(|_| record),
                record_digest,
                sealed_hash,
            });
        }
        Ok(v3::Log {
            deployment: hex::encode(view.id),
            entries,
            checkpoint: view.checkpoint.as_deref().cloned(),
            head: view.wire_head(),
        })
    }
}
