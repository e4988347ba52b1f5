//! Between plaintext and backend: each sealed record under a key of its own, bound to its place in the log.
//!
//! Key = HKDF(state key, 32 random bytes stored with the record, label); nonce zero; associated data = deployment id,
//! epoch, sequence number, hash of the record before, digest of the public record. A torn tail, a restored backup or two
//! racing replicas never put two plaintexts under one key and nonce.

use std::sync::Arc;

use strongroom_crypto::aead::{AeadError, AeadKey, NONCE_BYTES};
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::encode::Encoder;
use strongroom_crypto::label::{self, Label};
use strongroom_crypto::random::{self, Random};
use strongroom_crypto::secret::{RecordKey, StateKey};
use zeroize::Zeroizing;

const SALT_BYTES: usize = 32;
// A key seals one record, so its nonce never comes twice.
const NONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// Name of a deployment; never reused.
pub type DeploymentId = [u8; 16];

/// Seals and opens what a backend keeps.
pub struct Barrier {
    deployment: DeploymentId,
    key: StateKey,
    random: Arc<dyn Random>,
}

/// Where a record stands: the head before it and the epoch in which it is written.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The head before the record.
    pub before: &'a LogHead,
    /// The record's epoch.
    pub epoch: u64,
    /// SHA-256 of the public record's canonical bytes.
    pub record: &'a Digest32,
}

/// A sealed part is not what was written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored {what} was changed, moved or sealed under another key")]
pub struct Tampered {
    what: &'static str,
}

impl Barrier {
    /// A barrier for one deployment.
    pub fn new(deployment: DeploymentId, key: StateKey, random: Arc<dyn Random>) -> Self {
        Self {
            deployment,
            key,
            random,
        }
    }

    /// The deployment that everything sealed here is bound to.
    pub const fn deployment(&self) -> &DeploymentId {
        &self.deployment
    }

    /// The state key, for wrapping.
    pub(super) const fn key(&self) -> &StateKey {
        &self.key
    }

    /// Seals the hidden part of a record.
    pub fn seal_record(&self, place: Place<'_>, plaintext: Zeroizing<Vec<u8>>) -> Vec<u8> {
        self.seal(label::STATE_RECORD, &self.record_aad(place), plaintext)
    }

    /// Opens the hidden part of a record.
    ///
    /// # Errors
    /// [`Tampered`].
    pub fn open_record(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Tampered> {
        let aad = self.record_aad(place);
        self.open(label::STATE_RECORD, &aad, sealed)
            .map_err(|_| Tampered { what: "record" })
    }

    /// Seals the state at `head`.
    pub fn seal_snapshot(&self, head: &LogHead, plaintext: Zeroizing<Vec<u8>>) -> Vec<u8> {
        self.seal(label::STATE_SNAPSHOT, &self.snapshot_aad(head), plaintext)
    }

    /// Opens the state at `head`.
    ///
    /// # Errors
    /// [`Tampered`].
    pub fn open_snapshot(&self, head: &LogHead, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Tampered> {
        let aad = self.snapshot_aad(head);
        self.open(label::STATE_SNAPSHOT, &aad, sealed)
            .map_err(|_| Tampered { what: "state" })
    }

    fn record_aad(&self, place: Place<'_>) -> Vec<u8> {
        Encoder::new(label::STATE_RECORD)
            .bytes(&self.deployment)
            .u64(place.epoch)
            .u64(place.before.size)
            .bytes(place.before.hash.as_bytes())
            .bytes(place.record.as_bytes())
            .finish()
    }

    fn snapshot_aad(&self, head: &LogHead) -> Vec<u8> {
        Encoder::new(label::STATE_SNAPSHOT)
            .bytes(&self.deployment)
            .u64(head.epoch)
            .u64(head.size)
            .bytes(head.hash.as_bytes())
            .finish()
    }

    fn seal(&self, label: Label, aad: &[u8], plaintext: Zeroizing<Vec<u8>>) -> Vec<u8> {
        seal_with(&*self.random, self.key.expose(), label, aad, plaintext)
    }

    fn open(&self, label: Label, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, AeadError> {
        open_with(self.key.expose(), label, aad, sealed)
    }
}

impl std::fmt::Debug for Barrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Barrier({})", hex::encode(self.deployment))
    }
}

/// Seals under a key derived from `key`, fresh random bytes and `label`: `salt ‖ ciphertext ‖ tag`.
pub(crate) fn seal_with(
    random: &dyn Random,
    key: &[u8; 32],
    label: Label,
    aad: &[u8],
    mut plaintext: Zeroizing<Vec<u8>>,
) -> Vec<u8> {
    let salt: [u8; SALT_BYTES] = random::array(random);
    let tag = aead(key, &salt, label).seal_separate(&NONCE, aad, &mut plaintext);
    // Only ciphertext is left in the buffer; it is copied out, so that the plaintext never lay in one that grows.
    [&salt[..], &plaintext, &tag].concat()
}

/// Opens what [`seal_with`] made.
pub(crate) fn open_with(
    key: &[u8; 32],
    label: Label,
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, AeadError> {
    let (salt, rest) = sealed.split_first_chunk::<SALT_BYTES>().ok_or(AeadError)?;
    let (ciphertext, tag) = rest.split_last_chunk().ok_or(AeadError)?;
    let mut plaintext = Zeroizing::new(vec![0; ciphertext.len()]);
    aead(key, salt, label).open_separate(&NONCE, aad, ciphertext, tag, &mut plaintext)?;
    Ok(plaintext)
}

fn aead(key: &[u8; 32], salt: &[u8; SALT_BYTES], label: Label) -> AeadKey {
    let key = RecordKey::init_with(|out| {
        strongroom_crypto::kdf::hkdf_sha256(key, salt, label.as_bytes(), out)
            .expect("32 bytes are within HKDF's limit");
    });
    AeadKey::new(key.expose())
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_crypto::digest::sha256;
    use strongroom_crypto::random::SystemRandom;

    fn barrier(deployment: u8, key: u8) -> Barrier {
        Barrier::new(
            [deployment; 16],
            StateKey::init_with(|k| k.fill(key)),
            Arc::new(SystemRandom),
        )
    }

    fn head(epoch: u64, size: u64, hash: u8) -> LogHead {
        LogHead {
            epoch,
            size,
            hash: Digest32([hash; 32]),
        }
    }

    #[test]
    fn a_record_opens_in_its_place_only() {
        let good = barrier(1, 1);
        let (before, record) = (head(1, 7, 9), sha256(b"record"));
        let place = Place {
            before: &before,
            epoch: 1,
            record: &record,
        };
        let sealed = good.seal_record(place, Zeroizing::new(b"hidden".to_vec()));
        assert_eq!(
            good.open_record(place, &sealed).as_deref().map(Vec::as_slice),
            Ok(&b"hidden"[..])
        );

        let refused = Err(Tampered { what: "record" });
        let (other_size, other_hash, other_record) = (head(1, 8, 9), head(1, 7, 8), sha256(b"other"));
        for (what, place) in [
            (
                "another place",
                Place {
                    before: &other_size,
                    ..place
                },
            ),
            (
                "another log before it",
                Place {
                    before: &other_hash,
                    ..place
                },
            ),
            ("another epoch", Place { epoch: 2, ..place }),
            (
                "another public record",
                Place {
                    record: &other_record,
                    ..place
                },
            ),
        ] {
            assert_eq!(good.open_record(place, &sealed), refused, "{what}");
        }
        assert_eq!(
            barrier(2, 1).open_record(place, &sealed),
            refused,
            "another deployment"
        );
        assert_eq!(barrier(1, 2).open_record(place, &sealed), refused, "another key");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(good.open_record(place, &changed), refused, "byte {at}");
            assert_eq!(good.open_record(place, &sealed[..at]), refused, "cut at {at}");
        }
    }

    #[test]
    fn a_snapshot_is_no_record_and_belongs_to_its_head() {
        let good = barrier(1, 1);
        let at = head(1, 7, 9);
        let sealed = good.seal_snapshot(&at, Zeroizing::new(b"state".to_vec()));
        assert!(good.open_snapshot(&at, &sealed).is_ok());
        for other in [head(2, 7, 9), head(1, 6, 9), head(1, 7, 8)] {
            assert!(good.open_snapshot(&other, &sealed).is_err());
        }
        let record = sha256(b"");
        assert!(
            good.open_record(
                Place {
                    before: &at,
                    epoch: 1,
                    record: &record
                },
                &sealed
            )
            .is_err()
        );
    }

    #[test]
    fn the_same_plaintext_never_looks_the_same() {
        let good = barrier(1, 1);
        let at = head(1, 7, 9);
        let seal = || good.seal_snapshot(&at, Zeroizing::new(b"state".to_vec()));
        assert_ne!(seal(), seal());
    }
}
