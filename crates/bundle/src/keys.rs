//! Keys of a bundle: model key → data key (wrapped) → section keys → chunks. The only place that encrypts.

use strongroom_crypto::aead::AeadKey;
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::encode::Encoder;
use strongroom_crypto::kdf::hkdf_sha256;
use strongroom_crypto::label;
use strongroom_crypto::random::{self, Random};
use strongroom_crypto::secret::{DataKey, ModelKey, wipe};

use crate::error::{BundleError, Section};
use crate::format::header::{Header, Parameters, Wrap};
use crate::format::{TAG_BYTES, tree};

/// What commits a bundle to its data key: stored in the header, under the digest.
pub(crate) fn key_commitment(key: &DataKey, salt: &[u8; 32]) -> [u8; 32] {
    let info = Encoder::new(label::BUNDLE_KEY_COMMITMENT).finish();
    let mut commitment = [0; 32];
    hkdf_sha256(key.expose(), salt, &info, &mut commitment).expect("32 bytes are within HKDF's limit");
    commitment
}

/// Wraps `data_key` for `model_key`, under a fresh salt.
pub(crate) fn wrap(
    data_key: &DataKey,
    model_key: &ModelKey,
    parameters: &Parameters,
    random: &dyn Random,
) -> Wrap {
    let key_id = model_key.id();
    let salt = random::array(random);
    let (key, commitment) = wrap_key(model_key, &salt, parameters);
    let mut sealed = [0; 48];
    sealed[..32].copy_from_slice(data_key.expose());
    // The salt makes the key fresh: the nonce is used once.
    let tag = key.seal_separate(&[0; 12], &wrap_aad(&key_id.0), &mut sealed[..32]);
    sealed[32..].copy_from_slice(&tag);
    Wrap {
        key_id,
        salt,
        commitment,
        sealed,
    }
}

/// Finds the data key. It comes out only if the wrap commits to `model_key` and the header to the data key.
///
/// # Errors
/// [`BundleError::WrongKey`] where no slot is for `model_key`; [`BundleError::WrapCorrupt`] where one says so falsely.
pub(crate) fn unwrap(header: &Header, model_key: &ModelKey) -> Result<DataKey, BundleError> {
    let given = model_key.id();
    let mut found = header
        .slots
        .iter()
        .flatten()
        .filter(|wrap| wrap.key_id == given)
        .peekable();
    if found.peek().is_none() {
        return Err(BundleError::WrongKey {
            wanted: header.key_ids(),
            given,
        });
    }
    found
        .find_map(|wrap| open_wrap(wrap, model_key, &header.parameters))
        .ok_or(BundleError::WrapCorrupt)
}

fn open_wrap(wrap: &Wrap, model_key: &ModelKey, parameters: &Parameters) -> Option<DataKey> {
    let (key, commitment) = wrap_key(model_key, &wrap.salt, parameters);
    if Digest32(commitment) != Digest32(wrap.commitment) {
        return None;
    }
    let mut sealed = wrap.sealed;
    let data_key = key
        .open_in_place(&[0; 12], &wrap_aad(&wrap.key_id.0), &mut sealed)
        .ok()
        .and_then(|plain| DataKey::from_slice(plain).ok());
    wipe(&mut sealed);
    data_key.filter(|key| key_commitment(key, &parameters.salt) == parameters.key_commitment)
}

/// The wrapping key, and the public value that commits a wrap to `model_key`.
fn wrap_key(model_key: &ModelKey, salt: &[u8; 32], parameters: &Parameters) -> (AeadKey, [u8; 32]) {
    let info = Encoder::new(label::BUNDLE_WRAP_KEY)
        .bytes(&parameters.salt)
        .bytes(&parameters.key_commitment)
        .finish();
    let mut out = [0; 64];
    hkdf_sha256(model_key.expose(), salt, &info, &mut out).expect("64 bytes are within HKDF's limit");
    let (key, commitment) = out.split_at(32);
    let key = AeadKey::new(key.try_into().expect("half of 64 bytes"));
    let commitment = commitment.try_into().expect("half of 64 bytes");
    wipe(&mut out);
    (key, commitment)
}

fn wrap_aad(key_id: &[u8; 16]) -> Vec<u8> {
    Encoder::new(label::BUNDLE_WRAP).bytes(key_id).finish()
}

/// Encrypts and decrypts the chunks of one section.
///
/// The key belongs to one section of one bundle (the salt is random), so the chunk index is a nonce that never
/// comes twice: a writer seals each index once, and no chunk is ever rewritten.
#[derive(Debug)]
pub(crate) struct SectionCipher {
    section: Section,
    key: AeadKey,
}

impl SectionCipher {
    pub(crate) fn new(data_key: &DataKey, salt: &[u8; 32], section: Section) -> Self {
        let info = Encoder::new(label::BUNDLE_SECTION_KEY)
            .u64(section.number())
            .finish();
        let mut key = [0; 32];
        hkdf_sha256(data_key.expose(), salt, &info, &mut key).expect("32 bytes are within HKDF's limit");
        let cipher = Self {
            section,
            key: AeadKey::new(&key),
        };
        wipe(&mut key);
        cipher
    }

    /// Encrypts the plaintext in `stored` in place, but for its last 16 bytes, which take the tag; returns the leaf.
    pub(crate) fn seal(&self, index: u64, stored: &mut [u8]) -> Digest32 {
        let (text, tag_place) = stored.split_at_mut(stored.len() - TAG_BYTES);
        let tag = self.key.seal_separate(&nonce(index), &self.aad(index), text);
        tag_place.copy_from_slice(&tag);
        tree::leaf(self.section, index, stored)
    }

    /// Decrypts a stored chunk into `plain`, after holding it against the leaf that the digest stands for.
    ///
    /// # Errors
    /// [`BundleError::ChunkCorrupt`]; no byte of `plain` is then of the chunk.
    pub(crate) fn open(
        &self,
        index: u64,
        leaf: &Digest32,
        stored: &[u8],
        plain: &mut [u8],
    ) -> Result<(), BundleError> {
        let corrupt = BundleError::ChunkCorrupt {
            section: self.section,
            index,
        };
        if tree::leaf(self.section, index, stored) != *leaf {
            return Err(corrupt);
        }
        match stored.split_last_chunk::<TAG_BYTES>() {
            Some((text, tag)) if text.len() == plain.len() => self
                .key
                .open_separate(&nonce(index), &self.aad(index), text, tag, plain)
                .map_err(|_| {
                    plain.fill(0);
                    corrupt
                }),
            _ => Err(corrupt),
        }
    }

    fn aad(&self, index: u64) -> Vec<u8> {
        Encoder::new(label::BUNDLE_CHUNK)
            .u64(self.section.number())
            .u64(index)
            .finish()
    }
}

fn nonce(index: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&index.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Zeros;
    impl Random for Zeros {
        fn fill(&self, out: &mut [u8]) {
            out.fill(9);
        }
    }

    fn header(data_key: &DataKey, model_key: &ModelKey) -> Header {
        let salt = [1; 32];
        let parameters = Parameters {
            chunk_bytes: 4096,
            salt,
            key_commitment: key_commitment(data_key, &salt),
        };
        let slot = wrap(data_key, model_key, &parameters, &Zeros);
        Header {
            parameters,
            slots: [None, Some(slot)],
        }
    }

    #[test]
    fn a_wrap_opens_with_its_key_only_and_tells_every_change() {
        let data_key = DataKey::init_with(|key| key.fill(2));
        let model_key = ModelKey::init_with(|key| key.fill(3));
        let good = header(&data_key, &model_key);
        assert_eq!(unwrap(&good, &model_key).unwrap(), data_key);

        let other = ModelKey::init_with(|key| key.fill(4));
        assert_eq!(unwrap(&good, &other).unwrap_err().code(), "bundle.wrong_key");

        let changed = |change: fn(&mut Header)| {
            let mut header = header(&data_key, &model_key);
            change(&mut header);
            unwrap(&header, &model_key)
                .map(|_| ())
                .map_err(|error| error.code())
        };
        assert_eq!(
            changed(|h| h.slots[1].as_mut().unwrap().salt[0] ^= 1),
            Err("bundle.wrap_corrupt")
        );
        assert_eq!(
            changed(|h| h.slots[1].as_mut().unwrap().commitment[0] ^= 1),
            Err("bundle.wrap_corrupt")
        );
        assert_eq!(
            changed(|h| h.slots[1].as_mut().unwrap().sealed[0] ^= 1),
            Err("bundle.wrap_corrupt")
        );
        assert_eq!(
            changed(|h| h.slots[1].as_mut().unwrap().key_id.0[0] ^= 1),
            Err("bundle.wrong_key")
        );
        assert_eq!(changed(|h| h.parameters.salt[0] ^= 1), Err("bundle.wrap_corrupt"));
        assert_eq!(
            changed(|h| h.parameters.key_commitment[0] ^= 1),
            Err("bundle.wrap_corrupt")
        );
    }

    #[test]
    fn a_wrap_of_another_data_key_is_refused() {
        // Whoever has the model key can wrap what it likes; the digest stands for one data key.
        let model_key = ModelKey::init_with(|key| key.fill(3));
        let mut header = header(&DataKey::init_with(|key| key.fill(2)), &model_key);
        let other = DataKey::init_with(|key| key.fill(5));
        header.slots[0] = Some(wrap(&other, &model_key, &header.parameters, &Zeros));
        header.slots[1] = None;
        assert_eq!(
            unwrap(&header, &model_key).unwrap_err().code(),
            "bundle.wrap_corrupt"
        );
    }

    #[test]
    fn a_chunk_opens_in_its_place_only() {
        let data_key = DataKey::init_with(|key| key.fill(2));
        let content = SectionCipher::new(&data_key, &[1; 32], Section::Content);
        let mut stored = b"weights".to_vec();
        stored.resize(7 + TAG_BYTES, 0);
        let leaf = content.seal(5, &mut stored);
        let mut plain = [0; 7];
        content.open(5, &leaf, &stored, &mut plain).unwrap();
        assert_eq!(&plain, b"weights");

        // Even against whoever could make the leaves fit, the tag holds the chunk in its place.
        let open_at = |cipher: &SectionCipher, section, index| {
            let leaf = tree::leaf(section, index, &stored);
            cipher
                .open(index, &leaf, &stored, &mut [0; 7])
                .map_err(|error| error.code())
        };
        assert_eq!(open_at(&content, Section::Content, 5), Ok(()));
        assert_eq!(
            open_at(&content, Section::Content, 6),
            Err("bundle.chunk_corrupt")
        );
        let table = SectionCipher::new(&data_key, &[1; 32], Section::Table);
        assert_eq!(open_at(&table, Section::Table, 5), Err("bundle.chunk_corrupt"));
        let elsewhere = SectionCipher::new(&data_key, &[2; 32], Section::Content);
        assert_eq!(
            open_at(&elsewhere, Section::Content, 5),
            Err("bundle.chunk_corrupt")
        );
    }
}
