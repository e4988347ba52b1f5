//! The audit log's hash chain and its signed checkpoints. Verifying needs no key but the log's public one.

use serde::{Deserialize, Serialize};

use crate::digest::{Digest32, sha256};
use crate::encode::Encoder;
use crate::label;
use crate::sign::{BadSignature, VerifyingKey};
use crate::time::UnixTime;

/// Where a log stands: how many records, and the hash that commits to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// Incremented by each recovery: a restored state cannot continue the old log unseen.
    pub epoch: u64,
    /// Records so far.
    pub size: u64,
    /// Hash of the last record, which covers all before it.
    pub hash: Digest32,
}

impl LogHead {
    /// The head of the empty log of a deployment (16-byte id).
    #[must_use]
    pub fn genesis(deployment: &[u8; 16]) -> Self {
        Self {
            epoch: 0,
            size: 0,
            hash: Encoder::new(label::LOG_GENESIS).bytes(deployment).sha256(),
        }
    }

    /// The head after one more record.
    ///
    /// `record` is the public record's canonical bytes, `sealed` the SHA-256 of the sealed part's ciphertext (of the
    /// empty string where there is none).
    #[must_use]
    pub fn append(self, epoch: u64, record: &[u8], sealed: &Digest32) -> Self {
        self.append_digest(epoch, &sha256(record), sealed)
    }

    /// As [`Self::append`], for who may see the record's SHA-256 but not the record: the chain can still be followed.
    #[must_use]
    pub fn append_digest(self, epoch: u64, record: &Digest32, sealed: &Digest32) -> Self {
        let hash = Encoder::new(label::LOG_RECORD)
            .bytes(self.hash.as_bytes())
            .u64(epoch)
            .u64(self.size)
            .bytes(record.as_bytes())
            .bytes(sealed.as_bytes())
            .sha256();
        Self {
            epoch,
            size: self.size + 1,
            hash,
        }
    }
}

/// What a checkpoint's signature covers.
#[must_use]
pub fn checkpoint_bytes(deployment: &[u8; 16], head: &LogHead, time: UnixTime) -> Vec<u8> {
    Encoder::new(label::LOG_CHECKPOINT)
        .bytes(deployment)
        .u64(head.epoch)
        .u64(head.size)
        .bytes(head.hash.as_bytes())
        .u64(time.0)
        .finish()
}

/// Signs a checkpoint with the log key.
#[cfg(feature = "fast")]
#[must_use]
pub fn sign_checkpoint(
    key: &crate::sign::SigningKey,
    deployment: &[u8; 16],
    head: &LogHead,
    time: UnixTime,
) -> Vec<u8> {
    key.sign(&checkpoint_bytes(deployment, head, time))
}

/// Checks a checkpoint's signature.
///
/// # Errors
/// [`BadSignature`].
pub fn verify_checkpoint(
    key: &VerifyingKey,
    deployment: &[u8; 16],
    head: &LogHead,
    time: UnixTime,
    signature: &[u8],
) -> Result<(), BadSignature> {
    key.verify(&checkpoint_bytes(deployment, head, time), signature)
}

#[cfg(all(test, feature = "fast"))]
mod tests {
    use super::*;
    use crate::sign::SigningKey;

    #[test]
    fn every_part_of_a_record_moves_the_head() {
        let start = LogHead::genesis(&[1; 16]);
        let good = start.append(0, b"record", &sha256(b"sealed"));
        assert_eq!(good.size, 1);
        assert_ne!(good.hash, start.append(1, b"record", &sha256(b"sealed")).hash);
        assert_ne!(good.hash, start.append(0, b"recorD", &sha256(b"sealed")).hash);
        assert_ne!(good.hash, start.append(0, b"record", &sha256(b"Sealed")).hash);
        assert_ne!(
            good.hash,
            LogHead::genesis(&[2; 16])
                .append(0, b"record", &sha256(b"sealed"))
                .hash
        );
    }

    #[test]
    fn a_checkpoint_holds_for_its_head_alone() {
        let key = SigningKey::generate_p384();
        let head = LogHead::genesis(&[1; 16]).append(0, b"a", &sha256(b""));
        let signature = sign_checkpoint(&key, &[1; 16], &head, UnixTime(9));
        assert_eq!(
            verify_checkpoint(key.verifying_key(), &[1; 16], &head, UnixTime(9), &signature),
            Ok(())
        );
        let other = head.append(0, b"b", &sha256(b""));
        assert!(verify_checkpoint(key.verifying_key(), &[1; 16], &other, UnixTime(9), &signature).is_err());
        assert!(verify_checkpoint(key.verifying_key(), &[2; 16], &head, UnixTime(9), &signature).is_err());
        assert!(verify_checkpoint(key.verifying_key(), &[1; 16], &head, UnixTime(8), &signature).is_err());
    }
}
