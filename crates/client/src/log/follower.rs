//! Following the hash chain from one head to another, page by page.

use strongroom_api::coordinator::log::Entry;
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::{Digest32, sha256};

use super::LogError;

/// A caller who is shown no records does not learn which entry began a new epoch, and has to try; this many ways are
/// followed at once.
const WAYS_MAX: usize = 4096;

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

    /// Goes on only from `held`, a head that somebody else holds.
    pub(super) fn pass(&mut self, held: &LogHead) -> Result<(), ()> {
        if !self.ways.contains(held) {
            return Err(());
        }
        self.ways = vec![*held];
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
