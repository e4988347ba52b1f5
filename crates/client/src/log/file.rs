//! A whole log in one file, verified without any coordinator.

use serde::{Deserialize, Serialize};
use strongroom_api::coordinator::log::{Checkpoint, Entry, Head};
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;

use super::{Follower, LogError, check_checkpoint, head};
use crate::trust::Trust;

/// The format that a log file says of itself.
pub const LOG_FORMAT: &str = "strongroom.log.v1";

/// A whole log in one file: what `log show --out` writes and `log verify` reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogFile {
    pub(super) format: String,
    /// The deployment's id, 16 bytes in hex.
    pub(super) deployment: String,
    /// PEM of the root that certifies the log key.
    pub(super) root: String,
    /// All entries, from the first.
    pub(super) entries: Vec<Entry>,
    /// The newest checkpoint.
    pub(super) checkpoint: Option<Checkpoint>,
    /// Where the log stood.
    pub(super) head: Head,
}

/// What an offline verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogVerdict {
    /// Where the log stands.
    pub head: LogHead,
    /// How many entries the newest signed checkpoint covers; none where there is no checkpoint.
    pub signed_entries: Option<u64>,
    /// When the checkpoint was signed, by the coordinator's clock.
    pub signed_at: Option<UnixTime>,
    /// Whether root and earlier head came from a trust file; otherwise the file vouches for itself.
    pub pinned: bool,
}

impl LogFile {
    pub(crate) fn new(
        deployment: String,
        root: &Certificate,
        entries: Vec<Entry>,
        checkpoint: Option<Checkpoint>,
        head: Head,
    ) -> Self {
        Self {
            format: LOG_FORMAT.to_owned(),
            deployment,
            root: root.to_pem(),
            entries,
            checkpoint,
            head,
        }
    }

    /// Reads a log file. It proves nothing until [`Self::verify`].
    ///
    /// # Errors
    /// [`LogError::Form`].
    pub fn parse(json: &[u8]) -> Result<Self, LogError> {
        let file: Self = serde_json::from_slice(json).map_err(|error| LogError::Form(error.to_string()))?;
        if file.format != LOG_FORMAT {
            return Err(LogError::Form(format!(
                "format {:?} is not {LOG_FORMAT:?}",
                file.format
            )));
        }
        Ok(file)
    }

    /// The file's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a log has only text keys and is written to memory")
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Checks every entry from the first, the head, and the checkpoint; with a trust file also that its root certifies
    /// the log, and that the log continues the one that was seen when the trust file was written.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn verify(&self, trust: Option<&Trust>) -> Result<LogVerdict, LogError> {
        let mut deployment = [0; 16];
        hex::decode_to_slice(&self.deployment, &mut deployment)
            .map_err(|_| LogError::Form("the deployment's id is no 16 bytes in hex".to_owned()))?;
        let end = head(&self.head);
        if end.size != self.entries.len() as u64 {
            return Err(LogError::Broken);
        }
        let mut heads = Follower::new(LogHead::genesis(&deployment), end)?;
        // Heads that others hold must lie on this chain: the one in the trust file, and the checkpoint's.
        let pinned = trust.map(Trust::log_head);
        let signed = self.checkpoint.as_ref().map(|checkpoint| head(&checkpoint.head));
        let beyond = |held: Option<LogHead>| held.filter(|held| held.size > end.size);
        if let Some(pinned) = beyond(pinned) {
            return Err(LogError::Shorter {
                pinned: pinned.size,
                found: end.size,
            });
        }
        if beyond(signed).is_some() {
            return Err(LogError::Checkpoint("it is over a longer log"));
        }
        let mut passed = Ok(());
        for index in 0..=self.entries.len() {
            if let Some(pinned) = pinned.filter(|pinned| pinned.size == index as u64) {
                let missed = |()| LogError::NotExtended { pinned: pinned.size };
                passed = passed.and(heads.pass(&pinned).map_err(missed));
            }
            if let Some(signed) = signed.filter(|signed| signed.size == index as u64) {
                let missed = |()| LogError::Checkpoint("it is over another log");
                passed = passed.and(heads.pass(&signed).map_err(missed));
            }
            if let Some(entry) = self.entries.get(index) {
                heads.take(entry)?;
            }
        }
        // A chain that does not even hold in itself says nothing about other heads.
        heads.finish()?;
        passed?;
        if let Some(checkpoint) = &self.checkpoint {
            let root = match trust {
                Some(trust) => trust.root().clone(),
                None => Certificate::parse_pem(&self.root)
                    .map_err(|_| LogError::Form("the root is no PEM certificate".to_owned()))?,
            };
            check_checkpoint(checkpoint, &deployment, &root)?;
        }
        Ok(LogVerdict {
            head: end,
            signed_entries: signed.map(|head| head.size),
            signed_at: self
                .checkpoint
                .as_ref()
                .map(|checkpoint| UnixTime(checkpoint.time)),
            pinned: trust.is_some(),
        })
    }
}
