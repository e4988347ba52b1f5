//! RustCrypto: what verifies where aws-lc-rs cannot be built.

// With both back ends built, these are there for the test that compares them.
#![cfg_attr(feature = "fast", allow(dead_code, reason = "the fast back end is in use"))]

use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes256Gcm, KeyInit};
use sha2::Digest;

use crate::aead::{AeadError, NONCE_BYTES, TAG_BYTES};
use crate::rsa_verify::{EXPONENT, RsaScheme};
use crate::sign::Curve;

#[derive(Clone, Default)]
pub(crate) struct Sha256(sha2::Sha256);

impl Sha256 {
    pub(crate) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

pub(crate) fn sha384(data: &[u8]) -> [u8; 48] {
    sha2::Sha384::digest(data).into()
}

pub(crate) fn sha512(data: &[u8]) -> [u8; 64] {
    sha2::Sha512::digest(data).into()
}

pub(crate) fn hkdf_sha256(ikm: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) {
    hkdf::Hkdf::<sha2::Sha256>::new(Some(salt), ikm)
        .expand(info, out)
        .expect("the caller checked the length");
}

pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    use hmac::Mac;
    let mut mac =
        <hmac::Hmac<sha2::Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

pub(crate) struct Aead(Box<Aes256Gcm>);

impl Aead {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Box::new(Aes256Gcm::new(key.into())))
    }

    pub(crate) fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buffer: &mut [u8]) -> [u8; TAG_BYTES] {
        let tag = self.0.encrypt_in_place_detached(nonce.into(), aad, buffer);
        tag.expect("a message is far shorter than 64 GiB").into()
    }

    pub(crate) fn open<'a>(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        buffer: &'a mut [u8],
    ) -> Result<&'a mut [u8], AeadError> {
        let (text, tag) = buffer.split_last_chunk_mut::<TAG_BYTES>().ok_or(AeadError)?;
        let tag = *tag;
        self.0
            .decrypt_in_place_detached(nonce.into(), aad, text, (&tag).into())
            .map_err(|_| AeadError)?;
        Ok(text)
    }

    pub(crate) fn open_into(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_BYTES],
        plaintext: &mut [u8],
    ) -> Result<(), AeadError> {
        plaintext.copy_from_slice(ciphertext);
        self.0
            .decrypt_in_place_detached(nonce.into(), aad, plaintext, tag.into())
            .map_err(|_| AeadError)
    }
}

pub(crate) fn ecdsa_verify(curve: Curve, point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match curve {
        Curve::P256 => {
            use p256::ecdsa::signature::Verifier;
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point);
            let signature = p256::ecdsa::Signature::from_der(signature);
            matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(message, &signature).is_ok())
        }
        Curve::P384 => {
            use p384::ecdsa::signature::Verifier;
            let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(point);
            let signature = p384::ecdsa::Signature::from_der(signature);
            matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(message, &signature).is_ok())
        }
    }
}

/// As [`ecdsa_verify`], for a signature `r || s` of fixed size.
pub(crate) fn ecdsa_verify_raw(curve: Curve, point: &[u8], message: &[u8], r_s: &[u8]) -> bool {
    match curve {
        Curve::P256 => {
            use p256::ecdsa::signature::Verifier;
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point);
            let signature = p256::ecdsa::Signature::from_slice(r_s);
            matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(message, &signature).is_ok())
        }
        Curve::P384 => {
            use p384::ecdsa::signature::Verifier;
            let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(point);
            let signature = p384::ecdsa::Signature::from_slice(r_s);
            matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(message, &signature).is_ok())
        }
    }
}

/// `modulus` has no leading zeros; the exponent is [`EXPONENT`]. The salt of PSS is as long as the hash.
pub(crate) fn rsa_verify(scheme: RsaScheme, modulus: &[u8], message: &[u8], signature: &[u8]) -> bool {
    use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey};
    let Ok(key) = RsaPublicKey::new(BigUint::from_bytes_be(modulus), BigUint::from(EXPONENT)) else {
        return false;
    };
    match scheme {
        RsaScheme::Pkcs1Sha256 => {
            let hash = sha2::Sha256::digest(message);
            key.verify(Pkcs1v15Sign::new::<sha2::Sha256>(), &hash, signature)
        }
        RsaScheme::Pkcs1Sha384 => {
            let hash = sha2::Sha384::digest(message);
            key.verify(Pkcs1v15Sign::new::<sha2::Sha384>(), &hash, signature)
        }
        RsaScheme::Pkcs1Sha512 => {
            let hash = sha2::Sha512::digest(message);
            key.verify(Pkcs1v15Sign::new::<sha2::Sha512>(), &hash, signature)
        }
        RsaScheme::PssSha256 => {
            let hash = sha2::Sha256::digest(message);
            key.verify(Pss::new_with_salt::<sha2::Sha256>(hash.len()), &hash, signature)
        }
        RsaScheme::PssSha384 => {
            let hash = sha2::Sha384::digest(message);
            key.verify(Pss::new_with_salt::<sha2::Sha384>(hash.len()), &hash, signature)
        }
        RsaScheme::PssSha512 => {
            let hash = sha2::Sha512::digest(message);
            key.verify(Pss::new_with_salt::<sha2::Sha512>(hash.len()), &hash, signature)
        }
    }
    .is_ok()
}
