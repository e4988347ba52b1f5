//! The first 512 bytes: what the bundle is, its parameters (under the digest) and its wrapped keys (outside it, so
//! that a new wrap keeps the digest). They fit one disk sector, so a new wrap is written whole or not at all.

use strongroom_crypto::secret::KeyId;

use super::{CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, MAGIC, SUITE, VERSION};
use crate::error::BundleError;

/// Bytes of the header.
pub(crate) const BYTES: usize = 512;
/// Places for a wrapped key. One is in use; both are for the instant between writing a new wrap and erasing the old.
pub(crate) const SLOTS: usize = 2;

const SLOTS_AT: usize = 96;
const SLOT_BYTES: usize = 160;
const SLOT_EMPTY: u32 = 0;
const SLOT_MODEL_KEY: u32 = 1;
/// Bytes of a slot that are in use, behind the four of its kind.
const WRAP_BYTES: usize = 16 + 32 + 32 + 48;

/// What the digest covers of the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) chunk_bytes: u32,
    /// Random, never used for two bundles: section keys depend on it.
    pub(crate) salt: [u8; 32],
    /// Commits the digest to the data key.
    pub(crate) key_commitment: [u8; 32],
}

/// A data key, wrapped by a model key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrap {
    pub(crate) key_id: KeyId,
    /// Random, fresh with each wrap: the wrapping key depends on it.
    pub(crate) salt: [u8; 32],
    /// Commits the wrap to the model key.
    pub(crate) commitment: [u8; 32],
    /// The data key, encrypted, with its tag.
    pub(crate) sealed: [u8; 48],
}

/// The header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) parameters: Parameters,
    pub(crate) slots: [Option<Wrap>; SLOTS],
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; BYTES] {
        let mut out = [0; BYTES];
        out[0..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_be_bytes());
        out[12..16].copy_from_slice(&SUITE.to_be_bytes());
        out[16..20].copy_from_slice(&self.parameters.chunk_bytes.to_be_bytes());
        out[24..56].copy_from_slice(&self.parameters.salt);
        out[56..88].copy_from_slice(&self.parameters.key_commitment);
        for (slot, place) in self
            .slots
            .iter()
            .zip(out[SLOTS_AT..].chunks_exact_mut(SLOT_BYTES))
        {
            if let Some(wrap) = slot {
                place[0..4].copy_from_slice(&SLOT_MODEL_KEY.to_be_bytes());
                place[4..20].copy_from_slice(&wrap.key_id.0);
                place[20..52].copy_from_slice(&wrap.salt);
                place[52..84].copy_from_slice(&wrap.commitment);
                place[84..132].copy_from_slice(&wrap.sealed);
            }
        }
        out
    }

    /// Reads a header. `bytes` may be shorter or longer than one.
    ///
    /// # Errors
    /// [`BundleError::NotABundle`], [`BundleError::Version`], [`BundleError::Truncated`], [`BundleError::Malformed`].
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let Some(rest) = bytes.strip_prefix(&MAGIC) else {
            return Err(BundleError::NotABundle);
        };
        // The version is read before anything else: the rest belongs to the version.
        let version = rest.first_chunk::<4>().ok_or(BundleError::Truncated)?;
        check_version(u32::from_be_bytes(*version))?;
        let bytes = bytes.first_chunk::<BYTES>().ok_or(BundleError::Truncated)?;

        if number(bytes, 12) != SUITE {
            return Err(BundleError::Malformed {
                what: "unknown cipher suite",
            });
        }
        let chunk_bytes = number(bytes, 16);
        if !(CHUNK_BYTES_MIN..=CHUNK_BYTES_MAX).contains(&chunk_bytes) || !chunk_bytes.is_power_of_two() {
            return Err(BundleError::Malformed {
                what: "the chunk size is no power of two from 4 KiB to 16 MiB",
            });
        }
        let reserved = [
            &bytes[20..24],
            &bytes[88..SLOTS_AT],
            &bytes[SLOTS_AT + SLOTS * SLOT_BYTES..],
        ];
        if reserved.iter().any(|part| part.iter().any(|&byte| byte != 0)) {
            return Err(BundleError::Malformed {
                what: "reserved bytes of the header are not zero",
            });
        }
        let mut slots = [None, None];
        for (slot, place) in slots.iter_mut().zip(bytes[SLOTS_AT..].chunks_exact(SLOT_BYTES)) {
            *slot = parse_slot(place)?;
        }
        let parameters = Parameters {
            chunk_bytes,
            salt: array(&bytes[24..56]),
            key_commitment: array(&bytes[56..88]),
        };
        Ok(Self { parameters, slots })
    }

    /// Names of the keys that open the bundle, as the header says; only opening shows whether it is true.
    pub(crate) fn key_ids(&self) -> Vec<KeyId> {
        self.slots.iter().flatten().map(|wrap| wrap.key_id).collect()
    }
}

fn check_version(found: u32) -> Result<(), BundleError> {
    let advice = match found.cmp(&VERSION) {
        std::cmp::Ordering::Equal => return Ok(()),
        std::cmp::Ordering::Less => "encrypt the model again with this version",
        std::cmp::Ordering::Greater => "it was written by a newer version: update this one",
    };
    Err(BundleError::Version {
        found,
        supported: VERSION,
        advice,
    })
}

fn parse_slot(place: &[u8]) -> Result<Option<Wrap>, BundleError> {
    match number(place, 0) {
        SLOT_EMPTY if place.iter().all(|&byte| byte == 0) => Ok(None),
        SLOT_MODEL_KEY if place[4 + WRAP_BYTES..].iter().all(|&byte| byte == 0) => Ok(Some(Wrap {
            key_id: KeyId(array(&place[4..20])),
            salt: array(&place[20..52]),
            commitment: array(&place[52..84]),
            sealed: array(&place[84..132]),
        })),
        _ => Err(BundleError::Malformed {
            what: "a key slot is of no known kind",
        }),
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array(&bytes[at..at + 4]))
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the range has that length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Header {
        let wrap = Wrap {
            key_id: KeyId([1; 16]),
            salt: [2; 32],
            commitment: [3; 32],
            sealed: [4; 48],
        };
        let parameters = Parameters {
            chunk_bytes: 4096,
            salt: [5; 32],
            key_commitment: [6; 32],
        };
        Header {
            parameters,
            slots: [Some(wrap), None],
        }
    }

    #[test]
    fn reads_back_what_was_written_and_refuses_the_rest() {
        let bytes = good().encode();
        assert_eq!(Header::parse(&bytes).unwrap(), good());

        let changed = |at: usize, byte: u8| {
            let mut bytes = bytes;
            bytes[at] = byte;
            Header::parse(&bytes).map(|_| ()).map_err(|error| error.code())
        };
        assert_eq!(changed(0, 0), Err("bundle.not_a_bundle"));
        assert_eq!(changed(11, 0), Err("bundle.version"));
        assert_eq!(changed(11, 2), Err("bundle.version"));
        assert_eq!(changed(15, 2), Err("bundle.malformed"));
        assert_eq!(changed(18, 0x11), Err("bundle.malformed"));
        assert_eq!(changed(18, 0x08), Err("bundle.malformed"));
        assert_eq!(changed(20, 1), Err("bundle.malformed"));
        assert_eq!(changed(90, 1), Err("bundle.malformed"));
        assert_eq!(changed(511, 1), Err("bundle.malformed"));
        assert_eq!(changed(99, 2), Err("bundle.malformed"));
        assert_eq!(changed(255, 1), Err("bundle.malformed"));
        assert_eq!(changed(300, 1), Err("bundle.malformed"));
        assert_eq!(
            Header::parse(&bytes[..511]).unwrap_err().code(),
            "bundle.truncated"
        );
        assert_eq!(Header::parse(&bytes[..9]).unwrap_err().code(), "bundle.truncated");
        assert_eq!(Header::parse(&[]).unwrap_err().code(), "bundle.not_a_bundle");
    }

    #[test]
    fn an_older_layout_says_what_to_do() {
        let mut bytes = good().encode();
        bytes[11] = 0;
        let text = Header::parse(&bytes).unwrap_err().to_string();
        assert!(
            text.contains("layout 0") && text.contains("encrypt the model again"),
            "{text}"
        );
    }
}
