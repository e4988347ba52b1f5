//! What TPM2_MakeCredential computes, outside a TPM (TPM 2.0 Library, Part 1 §24): a secret that one TPM alone can
//! open, and only for a key with the given name that lives in it.

use aws_lc_rs::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use zeroize::Zeroizing;

use crate::digest::Sha256;
use crate::hmac::hmac_sha256;
use crate::random::{Random, SystemRandom};
use crate::rsa_verify::RsaVerifyingKey;
use crate::sign::{Curve, PublicKey, VerifyingKey};

/// Public half of an endorsement key, of the two default templates with AES-128-CFB and SHA-256 (EK profile L-1, L-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndorsementKey {
    /// RSA of 2048 bits.
    Rsa(RsaVerifyingKey),
    /// ECC on P-256.
    P256(VerifyingKey),
}

/// A sealed credential, as TPM2_ActivateCredential takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialBlob {
    /// TPM2B_ID_OBJECT, its size included.
    pub id_object: Vec<u8>,
    /// TPM2B_ENCRYPTED_SECRET, its size included.
    pub encrypted_secret: Vec<u8>,
}

/// A credential cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The endorsement key is of another kind, size or form.
    #[error("unsupported endorsement key")]
    UnsupportedKey,
    /// The credential is empty or longer than a SHA-256 digest.
    #[error("a credential has 1 to 32 bytes")]
    CredentialLength,
    /// The name is no name of an object with nameAlg SHA-256.
    #[error("an object's name is the identifier of SHA-256 and a digest, 34 bytes")]
    Name,
}

impl TryFrom<PublicKey> for EndorsementKey {
    type Error = CredentialError;

    fn try_from(key: PublicKey) -> Result<Self, CredentialError> {
        match key {
            PublicKey::Rsa(key) if key.modulus().len() == RSA_BYTES => Ok(Self::Rsa(key)),
            PublicKey::Ecdsa(key) if key.curve() == Curve::P256 => Ok(Self::P256(key)),
            _ => Err(CredentialError::UnsupportedKey),
        }
    }
}

/// Seals `credential` (1 to 32 bytes) for the TPM with `ek`, to be opened beside the object called `name` (34 bytes,
/// nameAlg SHA-256).
///
/// # Errors
/// [`CredentialError`].
pub fn make_credential(
    ek: &EndorsementKey,
    name: &[u8],
    credential: &[u8],
) -> Result<CredentialBlob, CredentialError> {
    if credential.is_empty() || credential.len() > SEED_BYTES {
        return Err(CredentialError::CredentialLength);
    }
    if name.len() != NAME_BYTES || !name.starts_with(TPM_ALG_SHA256) {
        return Err(CredentialError::Name);
    }
    let (seed, encrypted_secret) = match ek {
        EndorsementKey::Rsa(key) => share_rsa(key)?,
        EndorsementKey::P256(key) => share_p256(key)?,
    };
    let mut identity = sized(credential);
    encrypt(&seed, name, &mut identity);
    let integrity = integrity(&seed, &identity, name);
    Ok(CredentialBlob {
        id_object: sized(&[&sized(&integrity), identity.as_slice()].concat()),
        encrypted_secret: sized(&encrypted_secret),
    })
}

type Seed = Zeroizing<[u8; SEED_BYTES]>;

/// Part 1 annex B.10.4: a random seed, encrypted with OAEP.
fn share_rsa(key: &RsaVerifyingKey) -> Result<(Seed, Vec<u8>), CredentialError> {
    if key.modulus().len() != RSA_BYTES {
        return Err(CredentialError::UnsupportedKey);
    }
    let mut seed = Seed::default();
    SystemRandom.fill(seed.as_mut());
    let key = PublicEncryptingKey::from_der(key.spki_der())
        .and_then(|key| OaepPublicEncryptingKey::new(key).map_err(Into::into))
        .map_err(|_| CredentialError::UnsupportedKey)?;
    let mut ciphertext = vec![0; key.ciphertext_size()];
    let ciphertext = key
        .encrypt(
            &OAEP_SHA256_MGF1SHA256,
            seed.as_ref(),
            &mut ciphertext,
            Some(IDENTITY),
        )
        .map_err(|_| CredentialError::UnsupportedKey)?
        .to_vec();
    Ok((seed, ciphertext))
}

/// Part 1 annex C.6.4: a seed agreed on with a key made for this one use.
fn share_p256(key: &VerifyingKey) -> Result<(Seed, Vec<u8>), CredentialError> {
    if key.curve() != Curve::P256 {
        return Err(CredentialError::UnsupportedKey);
    }
    let once = EphemeralPrivateKey::generate(&ECDH_P256, &aws_lc_rs::rand::SystemRandom::new())
        .expect("key generation needs nothing but randomness");
    let public = once
        .compute_public_key()
        .expect("a key that exists has a public half");
    let (x, y) = coordinates(public.as_ref());
    let peer = UnparsedPublicKey::new(&ECDH_P256, key.point());
    let seed = agree_ephemeral(once, peer, CredentialError::UnsupportedKey, |z| {
        Ok(kdf_e(z, IDENTITY, x, coordinates(key.point()).0))
    })?;
    // TPMS_ECC_POINT.
    Ok((seed, [sized(x), sized(y)].concat()))
}

/// Part 1 §24.4: AES-128-CFB under a key for this name, from the zero vector, in place.
fn encrypt(seed: &Seed, name: &[u8], identity: &mut [u8]) {
    let key = kdf_a(seed, STORAGE, name, 128);
    let key = UnboundCipherKey::new(&AES_128, &key[..16])
        .and_then(EncryptingKey::cfb128)
        .expect("the key has 16 bytes");
    // The key is used for this message alone, and the TPM expects this vector.
    key.less_safe_encrypt(identity, EncryptionContext::Iv128([0; 16].into()))
        .expect("this mode takes messages of any length");
}

/// Part 1 §24.5.
fn integrity(seed: &Seed, identity: &[u8], name: &[u8]) -> [u8; 32] {
    let key = kdf_a(seed, INTEGRITY, &[], 256);
    hmac_sha256(key.as_ref(), &[identity, name])
}

/// KDFa with SHA-256 and no second context (Part 1 §11.4.10.2), up to 256 bits: one round.
fn kdf_a(key: &Seed, label: &[u8], context: &[u8], bits: u32) -> Seed {
    let parts = [&1_u32.to_be_bytes(), label, context, &bits.to_be_bytes()];
    Zeroizing::new(hmac_sha256(key.as_ref(), &parts))
}

/// KDFe with SHA-256 (Part 1 §11.4.10.3), 256 bits: one round.
fn kdf_e(z: &[u8], label: &[u8], party_u: &[u8], party_v: &[u8]) -> Seed {
    let mut hash = Sha256::new();
    for part in [&1_u32.to_be_bytes(), z, label, party_u, party_v] {
        hash.update(part);
    }
    Zeroizing::new(hash.finish().0)
}

/// Both coordinates of an uncompressed point on P-256.
fn coordinates(point: &[u8]) -> (&[u8], &[u8]) {
    point[1..].split_at(32)
}

/// A TPM2B structure: u16 length, then the bytes.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("nothing here is longer than an RSA ciphertext");
    [&length.to_be_bytes(), bytes].concat()
}

/// The size of the default templates' key.
const RSA_BYTES: usize = 256;
/// As long as the endorsement key's nameAlg, SHA-256.
const SEED_BYTES: usize = 32;
const NAME_BYTES: usize = 34;
const TPM_ALG_SHA256: &[u8] = &[0x00, 0x0b];
// The labels end with a zero byte, which is part of what is hashed.
const IDENTITY: &[u8] = b"IDENTITY\0";
const STORAGE: &[u8] = b"STORAGE\0";
const INTEGRITY: &[u8] = b"INTEGRITY\0";
