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

#[cfg(test)]
mod tests {
    use aws_lc_rs::agreement::{PrivateKey, agree};
    use aws_lc_rs::cipher::{DecryptingKey, DecryptionContext};
    use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};

    use super::*;
    use crate::issue::{KeyKind, generate_key};
    use crate::sign::SigningKey;

    /// The private half, as the TPM has it.
    enum Tpm {
        Rsa(Vec<u8>),
        P256 { private: PrivateKey, x: Vec<u8> },
    }

    impl Tpm {
        fn p256(private: PrivateKey) -> Self {
            let public = private.compute_public_key().expect("the key exists");
            let x = coordinates(public.as_ref()).0.to_vec();
            Self::P256 { private, x }
        }

        fn seed(&self, encrypted_secret: &[u8]) -> Option<Seed> {
            match self {
                Self::Rsa(pkcs8) => {
                    let key = PrivateDecryptingKey::from_pkcs8(pkcs8).expect("the key was made here");
                    let key = OaepPrivateDecryptingKey::new(key).expect("OAEP takes every RSA key");
                    let mut out = vec![0; key.min_output_size()];
                    let seed = key
                        .decrypt(
                            &OAEP_SHA256_MGF1SHA256,
                            encrypted_secret,
                            &mut out,
                            Some(IDENTITY),
                        )
                        .ok()?;
                    Some(Zeroizing::new((&*seed).try_into().expect("a seed has 32 bytes")))
                }
                Self::P256 { private, x } => {
                    let (once_x, rest) = take(encrypted_secret);
                    let (once_y, rest) = take(rest);
                    assert!(rest.is_empty());
                    let point = [&[4], once_x, once_y].concat();
                    agree(private, UnparsedPublicKey::new(&ECDH_P256, point), (), |z| {
                        Ok(kdf_e(z, IDENTITY, once_x, x))
                    })
                    .ok()
                }
            }
        }

        /// TPM2_ActivateCredential.
        fn activate(&self, name: &[u8], blob: &CredentialBlob) -> Option<Vec<u8>> {
            let (secret, rest) = take(&blob.encrypted_secret);
            assert!(rest.is_empty());
            let (id_object, rest) = take(&blob.id_object);
            assert!(rest.is_empty());
            let (mac, identity) = take(id_object);
            let seed = self.seed(secret)?;
            if integrity(&seed, identity, name) != mac {
                return None;
            }
            let key = kdf_a(&seed, STORAGE, name, 128);
            let key = UnboundCipherKey::new(&AES_128, &key[..16]).expect("the key has 16 bytes");
            let mut identity = identity.to_vec();
            DecryptingKey::cfb128(key)
                .expect("the key is an AES key")
                .decrypt(&mut identity, DecryptionContext::Iv128([0; 16].into()))
                .expect("this mode takes messages of any length");
            Some(take(&identity).0.to_vec())
        }
    }

    fn take(bytes: &[u8]) -> (&[u8], &[u8]) {
        let (length, rest) = bytes.split_first_chunk::<2>().expect("a length stands first");
        rest.split_at(u16::from_be_bytes(*length).into())
    }

    fn name(fill: u8) -> Vec<u8> {
        [TPM_ALG_SHA256, &[fill; 32]].concat()
    }

    fn endorsement(spki: &[u8]) -> Result<EndorsementKey, CredentialError> {
        PublicKey::from_spki_der(spki)
            .expect("a supported key")
            .try_into()
    }

    #[test]
    fn opens_in_the_one_tpm_for_the_one_name() {
        let rsa = generate_key(KeyKind::Rsa2048).unwrap();
        let p256 = PrivateKey::generate(&ECDH_P256).unwrap();
        let point = p256.compute_public_key().unwrap();
        let p256_key = VerifyingKey::from_point(Curve::P256, point.as_ref()).unwrap();
        let tpms = [
            (endorsement(&rsa.spki).unwrap(), Tpm::Rsa(rsa.pkcs8.to_vec())),
            (EndorsementKey::P256(p256_key), Tpm::p256(p256)),
        ];
        for (ek, tpm) in tpms {
            for length in [1, 20, 32] {
                let credential = vec![0x5a; length];
                let blob = make_credential(&ek, &name(7), &credential).unwrap();
                assert_eq!(tpm.activate(&name(7), &blob), Some(credential));
                assert_eq!(tpm.activate(&name(8), &blob), None);

                let mut changed = blob.clone();
                *changed.id_object.last_mut().unwrap() ^= 1;
                assert_eq!(tpm.activate(&name(7), &changed), None);
            }
            let other = Tpm::p256(PrivateKey::generate(&ECDH_P256).unwrap());
            if matches!(ek, EndorsementKey::P256(_)) {
                let blob = make_credential(&ek, &name(7), &[1]).unwrap();
                assert_eq!(other.activate(&name(7), &blob), None);
            }
        }
    }

    /// Made by tpm2_makecredential 5.4 without a TPM, for a key of this test.
    #[test]
    fn opens_what_another_implementation_made() {
        let private = "665133b62f821722bb8def3f51723f10d8fadbeeeb5bfedeac19980e7cd3f8b3";
        let name = "000bf01b3c7425311b294388fa3c197200eccbaf2a5aa6cc1ac2f7ad6fc41bba060a";
        let id_object = "00440020efe4c17e19a5e0562a2b02cfd95f86bcf4c823a2ea9e5205e4bd8237496aae7c46322ca71c551997\
                         7e0ca836287aec087197b069197378bd8f5f948084a752f3d3d2";
        let encrypted_secret = "0044002052a28b4f7ae18d044f7dfa70d5aa178fdf6d972e8f591ebfeee7c4c7f438f62d0020\
                                37f863f0bde4010b1b71c197c26fcc74fb53b59c1de76a1a1ffac9ce5bc082d6";
        let tpm =
            Tpm::p256(PrivateKey::from_private_key(&ECDH_P256, &hex::decode(private).unwrap()).unwrap());
        let blob = CredentialBlob {
            id_object: hex::decode(id_object).unwrap(),
            encrypted_secret: hex::decode(encrypted_secret).unwrap(),
        };
        let opened = tpm.activate(&hex::decode(name).unwrap(), &blob);
        assert_eq!(opened.as_deref(), Some(&[b'k'; 32][..]));
    }

    #[test]
    fn refuses_what_no_tpm_would_take() {
        let ek = endorsement(SigningKey::generate_p256().spki_der()).unwrap();
        let made = |name: &[u8], credential: &[u8]| make_credential(&ek, name, credential).err();
        assert_eq!(made(&name(1), &[1; 32]), None);
        assert_eq!(made(&name(1), &[]), Some(CredentialError::CredentialLength));
        assert_eq!(made(&name(1), &[1; 33]), Some(CredentialError::CredentialLength));
        assert_eq!(made(&name(1)[..33], &[1]), Some(CredentialError::Name));
        assert_eq!(
            made(&[&[0, 0x0c], &name(1)[2..]].concat(), &[1]),
            Some(CredentialError::Name)
        );
        assert_eq!(made(&[], &[1]), Some(CredentialError::Name));
    }

    #[test]
    fn refuses_other_endorsement_keys() {
        let unsupported = Err(CredentialError::UnsupportedKey);
        let larger = generate_key(KeyKind::Rsa3072).unwrap();
        assert_eq!(endorsement(&larger.spki), unsupported);
        assert_eq!(endorsement(SigningKey::generate_p384().spki_der()), unsupported);

        let nowhere = VerifyingKey::from_point(Curve::P256, &[1; 64]).unwrap();
        let made = make_credential(&EndorsementKey::P256(nowhere), &name(1), &[1]);
        assert_eq!(made, Err(CredentialError::UnsupportedKey));
        let larger = RsaVerifyingKey::from_spki_der(&larger.spki).unwrap();
        let made = make_credential(&EndorsementKey::Rsa(larger), &name(1), &[1]);
        assert_eq!(made, Err(CredentialError::UnsupportedKey));
        let larger = SigningKey::generate_p384().verifying_key().clone();
        let made = make_credential(&EndorsementKey::P256(larger), &name(1), &[1]);
        assert_eq!(made, Err(CredentialError::UnsupportedKey));
    }
}
