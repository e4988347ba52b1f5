//! The audit log as its readers verify it: the chain from one head to another, and the signed checkpoint. Needs no key
//! but the coordinator's root certificate, and no coordinator.

use serde::{Deserialize, Serialize};
use strongroom_api::coordinator::log::{Actor, Checkpoint, Entry, Head};
use strongroom_crypto::chain::{LogHead, verify_checkpoint};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;

use crate::rest::sentence;
use crate::trust::Trust;

/// The format that a log file says of itself.
pub const LOG_FORMAT: &str = "strongroom.log.v1";

/// A caller who is shown no records does not learn which entry began a new epoch, and has to try; this many ways are
/// followed at once.
const WAYS_MAX: usize = 4096;

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

/// Follows the chain from a known head, page by page.
#[derive(Debug)]
pub struct Follower {
    start: LogHead,
    end: LogHead,
    ways: Vec<LogHead>,
}

impl Follower {
    /// From `start` to `end`, which the coordinator's evidence names.
    ///
    /// # Errors
    /// [`LogError::Shorter`] where no entries can lead there.
    pub fn new(start: LogHead, end: LogHead) -> Result<Self, LogError> {
        if end.size < start.size || end.epoch < start.epoch {
            return Err(LogError::Shorter {
                pinned: start.size,
                found: end.size,
            });
        }
        Ok(Self {
            start,
            end,
            ways: vec![start],
        })
    }

    /// Place of the next entry; none where the end is reached.
    #[must_use]
    pub fn wanted(&self) -> Option<u64> {
        let next = self.ways.first().map_or(self.end.size, |way| way.size);
        (next < self.end.size).then_some(next)
    }

    /// Takes the next entry. Those behind the end are left out by asking [`Self::wanted`].
    ///
    /// # Errors
    /// [`LogError::Entry`], [`LogError::NeedsUser`].
    pub fn take(&mut self, entry: &Entry) -> Result<(), LogError> {
        let digest = Digest32(entry.record_digest.0);
        let sealed = Digest32(entry.sealed_hash.0);
        let sequence = self.ways.first().map_or(0, |way| way.size);
        let epoch = match &entry.record {
            None => None,
            Some(record) => {
                let changed = |what| LogError::Entry { sequence, what };
                if sha256(&record.canonical_bytes()) != digest {
                    return Err(changed("its record has another digest"));
                }
                if record.sequence != sequence {
                    return Err(changed("its record stands in another place"));
                }
                Some(record.epoch)
            }
        };
        let mut next = Vec::with_capacity(self.ways.len());
        for way in &self.ways {
            let epochs = match epoch {
                Some(epoch) if (way.epoch..=self.end.epoch).contains(&epoch) => epoch..=epoch,
                Some(_) => {
                    return Err(LogError::Entry {
                        sequence,
                        what: "its epoch runs backwards",
                    });
                }
                None => way.epoch..=self.end.epoch,
            };
            for epoch in epochs {
                if next.len() == WAYS_MAX {
                    return Err(LogError::NeedsUser);
                }
                next.push(way.append_digest(epoch, &digest, &sealed));
            }
        }
        self.ways = next;
        Ok(())
    }

    /// Whether the chain leads to the end.
    ///
    /// # Errors
    /// [`LogError::NotExtended`], or [`LogError::Broken`] where the chain was followed from its beginning.
    pub fn finish(self) -> Result<LogHead, LogError> {
        if self.ways.contains(&self.end) {
            return Ok(self.end);
        }
        Err(if self.start.size == 0 {
            LogError::Broken
        } else {
            LogError::NotExtended {
                pinned: self.start.size,
            }
        })
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

/// A whole log in one file: what `log show --out` writes and `log verify` reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogFile {
    format: String,
    /// The deployment's id, 16 bytes in hex.
    deployment: String,
    /// PEM of the root that certifies the log key.
    root: String,
    /// All entries, from the first.
    entries: Vec<Entry>,
    /// The newest checkpoint.
    checkpoint: Option<Checkpoint>,
    /// Where the log stood.
    head: Head,
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
        // Heads that others hold must lie on this chain: the checkpoint's, and the one in the trust file.
        let pinned = trust.map(Trust::log_head);
        let signed = self.checkpoint.as_ref().map(|checkpoint| head(&checkpoint.head));
        let (mut pinned_seen, mut signed_seen) = (false, false);
        for index in 0..=self.entries.len() {
            pinned_seen |= pinned.is_some_and(|pinned| heads.ways.contains(&pinned));
            signed_seen |= signed.is_some_and(|signed| heads.ways.contains(&signed));
            if let Some(entry) = self.entries.get(index) {
                heads.take(entry)?;
            }
        }
        heads.finish()?;
        if let Some(pinned) = pinned.filter(|_| !pinned_seen) {
            return Err(LogError::NotExtended { pinned: pinned.size });
        }
        if signed.is_some() && !signed_seen {
            return Err(LogError::Checkpoint("it is over another log"));
        }
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

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use strongroom_api::coordinator::bytes::{Base64, Hex32};
    use strongroom_api::coordinator::log::Record;
    use strongroom_crypto::chain::sign_checkpoint;
    use strongroom_crypto::issue::{self, Authority, Template, Usage};
    use strongroom_crypto::random::SystemRandom;
    use strongroom_crypto::sign::SigningKey;
    use strongroom_crypto::x509::Names;

    use super::*;

    const DEPLOYMENT: [u8; 16] = [7; 16];

    /// A log of `epochs.len()` entries, each of the given epoch.
    pub(crate) fn entries(epochs: &[u64]) -> Vec<Entry> {
        epochs
            .iter()
            .zip(0..)
            .map(|(epoch, sequence)| {
                let record = Record {
                    epoch: *epoch,
                    sequence,
                    time_ms: 1_800_000_000_000 + sequence,
                    actor: Actor::Coordinator,
                    event: "activated".to_owned(),
                    details: BTreeMap::from([("marble".to_owned(), "inference".to_owned())]),
                };
                Entry {
                    record_digest: Hex32(sha256(&record.canonical_bytes()).0),
                    sealed_hash: Hex32(sha256(b"sealed").0),
                    record: Some(record),
                }
            })
            .collect()
    }

    pub(crate) fn heads(entries: &[Entry]) -> Vec<LogHead> {
        let mut heads = vec![LogHead::genesis(&DEPLOYMENT)];
        for entry in entries {
            let epoch = entry.record.as_ref().unwrap().epoch;
            let last = heads[heads.len() - 1];
            heads.push(last.append_digest(
                epoch,
                &Digest32(entry.record_digest.0),
                &Digest32(entry.sealed_hash.0),
            ));
        }
        heads
    }

    fn without_records(entries: &[Entry]) -> Vec<Entry> {
        entries
            .iter()
            .map(|entry| Entry {
                record: None,
                ..entry.clone()
            })
            .collect()
    }

    fn follow(start: LogHead, end: LogHead, entries: &[Entry]) -> Result<LogHead, LogError> {
        let mut follower = Follower::new(start, end)?;
        for entry in entries {
            follower.take(entry)?;
        }
        follower.finish()
    }

    #[test]
    fn a_log_that_continues_is_followed_with_and_without_records() {
        let all = entries(&[0, 0, 0, 1, 1, 2]);
        let heads = heads(&all);
        for seen in 0..heads.len() {
            assert_eq!(
                follow(heads[seen], heads[6], &all[seen..]),
                Ok(heads[6]),
                "from {seen}"
            );
            assert_eq!(
                follow(heads[seen], heads[6], &without_records(&all[seen..])),
                Ok(heads[6]),
                "from {seen}"
            );
        }
    }

    #[test]
    fn a_log_that_does_not_continue_is_refused() {
        let all = entries(&[0, 0, 0, 1]);
        let heads = heads(&all);
        let refused = |start, end, entries: &[Entry]| follow(start, end, entries).unwrap_err().code();

        assert_eq!(refused(heads[3], heads[2], &[]), "log.not_extended"); // rolled back
        let mut other = all.clone();
        other[0].sealed_hash = Hex32([9; 32]);
        let forked = super::tests::heads(&other);
        assert_eq!(refused(heads[2], forked[4], &other[2..]), "log.not_extended"); // another history
        assert_eq!(
            refused(heads[2], LogHead { epoch: 1, ..heads[2] }, &[]),
            "log.not_extended"
        );
        assert_eq!(refused(heads[0], forked[4], &all), "log.broken");

        let mut moved = all.clone();
        moved.swap(1, 2);
        assert_eq!(refused(heads[0], heads[4], &moved), "log.broken");
        let mut shown_otherwise = all.clone();
        shown_otherwise[2].record.as_mut().unwrap().event = "nothing".to_owned();
        assert_eq!(refused(heads[0], heads[4], &shown_otherwise), "log.broken");
        let mut backwards = entries(&[0, 1, 0]);
        backwards[2].record.as_mut().unwrap().epoch = 0;
        let ends = super::tests::heads(&entries(&[0, 1, 1]));
        assert_eq!(refused(ends[0], ends[3], &backwards), "log.broken");
    }

    fn certificate(usage: Usage, name: &str) -> Template {
        Template {
            common_name: name.to_owned(),
            names: Names::default(),
            not_before: UnixTime(1_700_000_000),
            not_after: UnixTime(1_900_000_000),
            usage,
            extensions: Vec::new(),
        }
    }

    fn file(entries: Vec<Entry>, signed_size: usize) -> (LogFile, Certificate) {
        let root_key = SigningKey::generate_p384();
        let root =
            issue::self_signed(&certificate(Usage::Authority, "root"), &root_key, &SystemRandom).unwrap();
        let log_key = SigningKey::generate_p384();
        let log_certificate = Authority::new("root", &root_key)
            .issue(
                &certificate(Usage::Leaf, "log"),
                log_key.spki_der(),
                &SystemRandom,
            )
            .unwrap();
        let heads = heads(&entries);
        let wire = |head: &LogHead| Head {
            epoch: head.epoch,
            size: head.size,
            hash: Hex32(head.hash.0),
        };
        let time = UnixTime(1_800_000_000);
        let checkpoint = Checkpoint {
            head: wire(&heads[signed_size]),
            time: time.0,
            signature: Base64(sign_checkpoint(&log_key, &DEPLOYMENT, &heads[signed_size], time)),
            certificate: Base64(log_certificate.der().to_vec()),
        };
        let end = wire(&heads[heads.len() - 1]);
        (
            LogFile::new(hex::encode(DEPLOYMENT), &root, entries, Some(checkpoint), end),
            root,
        )
    }

    #[test]
    fn a_file_verifies_offline_and_each_change_is_found() {
        let (good, _) = file(entries(&[0, 0, 1]), 2);
        let good = LogFile::parse(good.to_json().as_bytes()).unwrap();
        let verdict = good.verify(None).unwrap();
        assert_eq!(
            (verdict.head.size, verdict.signed_entries, verdict.pinned),
            (3, Some(2), false)
        );

        let refused = |change: fn(&mut LogFile)| {
            let (mut file, _) = file(entries(&[0, 0, 1]), 2);
            change(&mut file);
            file.verify(None).unwrap_err().code()
        };
        assert_eq!(
            refused(|file| file.deployment = hex::encode([8; 16])),
            "log.broken"
        );
        assert_eq!(refused(|file| file.deployment = "xy".to_owned()), "log.malformed");
        assert_eq!(refused(|file| drop(file.entries.pop())), "log.broken");
        assert_eq!(
            refused(|file| file.entries[0].sealed_hash = Hex32([0; 32])),
            "log.broken"
        );
        assert_eq!(
            refused(|file| file.checkpoint.as_mut().unwrap().time += 1),
            "log.checkpoint"
        );
        assert_eq!(
            refused(|file| file.checkpoint.as_mut().unwrap().head.hash = Hex32([0; 32])),
            "log.checkpoint"
        );
        assert_eq!(
            refused(|file| file.root = self::file(Vec::new(), 0).1.to_pem()),
            "log.checkpoint"
        );
        assert_eq!(refused(|file| file.root = String::new()), "log.malformed");
    }
}
