//! aws-lc-rs.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED,
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use aws_lc_rs::{digest, hmac, rand};
use zeroize::Zeroizing;

use crate::aead::{AeadError, NONCE_BYTES, TAG_BYTES};
use crate::rsa_verify::{EXPONENT, RsaScheme};
use crate::sign::Curve;

#[derive(Clone)]
pub(crate) struct Sha256(digest::Context);

impl Default for Sha256 {
    fn default() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }
}

impl Sha256 {
    pub(crate) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0
            .finish()
            .as_ref()
            .try_into()
            .expect("SHA-256 gives 32 bytes")
    }
}

pub(crate) fn sha384(data: &[u8]) -> [u8; 48] {
    digest::digest(&digest::SHA384, data)
        .as_ref()
        .try_into()
        .expect("SHA-384 gives 48 bytes")
}

pub(crate) fn sha512(data: &[u8]) -> [u8; 64] {
    digest::digest(&digest::SHA512, data)
        .as_ref()
        .try_into()
        .expect("SHA-512 gives 64 bytes")
}

pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    context
        .sign()
        .as_ref()
        .try_into()
        .expect("SHA-256 gives 32 bytes")
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

pub(crate) fn hkdf_sha256(ikm: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) {
    let key = Salt::new(HKDF_SHA256, salt).extract(ikm);
    let info = [info];
    let expanded = key
        .expand(&info, Length(out.len()))
        .expect("the caller checked the length");
    expanded.fill(out).expect("the length is the one just given");
}

pub(crate) struct Aead(LessSafeKey);

impl Aead {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM, key).expect("the key has 32 bytes"),
        ))
    }

    pub(crate) fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buffer: &mut [u8]) -> [u8; TAG_BYTES] {
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), buffer)
            .expect("a message is far shorter than 64 GiB");
        tag.as_ref().try_into().expect("a tag has 16 bytes")
    }

    pub(crate) fn open<'a>(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        buffer: &'a mut [u8],
    ) -> Result<&'a mut [u8], AeadError> {
        self.0
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), buffer)
            .map_err(|_| AeadError)
    }

    pub(crate) fn open_into(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_BYTES],
        plaintext: &mut [u8],
    ) -> Result<(), AeadError> {
        self.0
            .open_separate_gather(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(aad),
                ciphertext,
                tag,
                plaintext,
            )
            .map_err(|_| AeadError)
    }
}

pub(crate) fn ecdsa_verify(curve: Curve, point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_ASN1,
        Curve::P384 => &ECDSA_P384_SHA384_ASN1,
    };
    UnparsedPublicKey::new(algorithm, point)
        .verify(message, signature)
        .is_ok()
}

/// As [`ecdsa_verify`], for a signature `r || s` of fixed size.
pub(crate) fn ecdsa_verify_raw(curve: Curve, point: &[u8], message: &[u8], r_s: &[u8]) -> bool {
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED,
    };
    UnparsedPublicKey::new(algorithm, point)
        .verify(message, r_s)
        .is_ok()
}

/// `modulus` has no leading zeros; the exponent is [`EXPONENT`]. The salt of PSS is as long as the hash.
pub(crate) fn rsa_verify(scheme: RsaScheme, modulus: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let parameters = match scheme {
        RsaScheme::Pkcs1Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        RsaScheme::Pkcs1Sha384 => &RSA_PKCS1_2048_8192_SHA384,
        RsaScheme::Pkcs1Sha512 => &RSA_PKCS1_2048_8192_SHA512,
        RsaScheme::PssSha256 => &RSA_PSS_2048_8192_SHA256,
        RsaScheme::PssSha384 => &RSA_PSS_2048_8192_SHA384,
        RsaScheme::PssSha512 => &RSA_PSS_2048_8192_SHA512,
    };
    let exponent = &EXPONENT.to_be_bytes()[1..];
    RsaPublicKeyComponents {
        n: modulus,
        e: exponent,
    }
    .verify(parameters, message, signature)
    .is_ok()
}

pub(crate) struct EcdsaKey(EcdsaKeyPair);

impl EcdsaKey {
    pub(crate) fn generate(curve: Curve) -> Self {
        Self(EcdsaKeyPair::generate(signing(curve)).expect("key generation needs nothing but randomness"))
    }

    pub(crate) fn from_pkcs8(curve: Curve, der: &[u8]) -> Option<Self> {
        EcdsaKeyPair::from_pkcs8(signing(curve), der).ok().map(Self)
    }

    pub(crate) fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let document = self.0.to_pkcs8v1().expect("a key that exists can be written");
        Zeroizing::new(document.as_ref().to_vec())
    }

    /// The public point, uncompressed (SEC 1 §2.3.3).
    pub(crate) fn point(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.0.sign(&rand::SystemRandom::new(), message);
        signature
            .expect("signing needs nothing but randomness")
            .as_ref()
            .to_vec()
    }
}

impl EcdsaKey {
    /// As [`Self::sign`], for a signature `r || s` of fixed size.
    pub(crate) fn sign_raw(&self, curve: Curve, message: &[u8]) -> Vec<u8> {
        // The library ties the form of the signature to the key.
        let algorithm = match curve {
            Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        };
        EcdsaKeyPair::from_pkcs8(algorithm, &self.to_pkcs8())
            .expect("a key that was written can be read")
            .sign(&rand::SystemRandom::new(), message)
            .expect("signing needs nothing but randomness")
            .as_ref()
            .to_vec()
    }

    /// ECDSA over SHA-256 whatever the curve, for P-384 keys: MarbleRun signs manifests so.
    pub(crate) fn sign_p384_sha256(&self, message: &[u8]) -> Vec<u8> {
        // A digest shorter than the group's order is the same number with zeros in front (FIPS 186-5 §6.4.1 step 2), so
        // the digest that the library takes for a SHA-384 one is the SHA-256 one, padded to that length.
        let mut padded = [0; 48];
        padded[16..].copy_from_slice(digest::digest(&digest::SHA256, message).as_ref());
        let padded = digest::Digest::import_less_safe(&padded, &digest::SHA384)
            .expect("48 bytes are a SHA-384 digest");
        self.0
            .sign_digest(&padded)
            .expect("signing needs nothing but randomness")
            .as_ref()
            .to_vec()
    }
}

/// Checks what [`EcdsaKey::sign_p384_sha256`] makes.
pub(crate) fn verify_p384_sha256(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&aws_lc_rs::signature::ECDSA_P384_SHA256_ASN1, point)
        .verify(message, signature)
        .is_ok()
}

fn signing(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
    }
}
