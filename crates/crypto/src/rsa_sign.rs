//! RSA keys that sign (RFC 8017): what test roots in vendors' shapes need. Nothing of ours is signed with RSA.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self, KeyPair as _, RsaEncoding};

use crate::rsa_verify::{RsaScheme, RsaVerifyingKey};
use crate::sign::UnsupportedKey;

/// Size of a modulus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaSize {
    /// 2048 bits.
    Bits2048,
    /// 3072 bits.
    Bits3072,
    /// 4096 bits: takes up to some seconds to make.
    Bits4096,
}

/// An RSA key that signs. Redacted in `Debug`, not `Clone`.
pub struct RsaSigningKey {
    key: KeyPair,
    public: RsaVerifyingKey,
}

impl RsaSigningKey {
    /// A new key, from the operating system's randomness.
    #[must_use]
    pub fn generate(size: RsaSize) -> Self {
        let size = match size {
            RsaSize::Bits2048 => KeySize::Rsa2048,
            RsaSize::Bits3072 => KeySize::Rsa3072,
            RsaSize::Bits4096 => KeySize::Rsa4096,
        };
        let key = KeyPair::generate(size).expect("key generation needs nothing but randomness");
        Self::new(key).expect("a new key is of a size and form that verifies")
    }

    /// Reads a key from PKCS#8 DER (RFC 5208).
    ///
    /// # Errors
    /// [`UnsupportedKey`].
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, UnsupportedKey> {
        Self::new(KeyPair::from_pkcs8(der).map_err(|_| UnsupportedKey)?)
    }

    fn new(key: KeyPair) -> Result<Self, UnsupportedKey> {
        let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).map_err(|_| UnsupportedKey)?;
        let public = RsaVerifyingKey::from_spki_der(spki.as_ref())?;
        Ok(Self { key, public })
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> &RsaVerifyingKey {
        &self.public
    }

    /// The public half as DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        self.public.spki_der()
    }

    /// Signs `message`.
    #[must_use]
    pub fn sign(&self, scheme: RsaScheme, message: &[u8]) -> Vec<u8> {
        let encoding: &'static dyn RsaEncoding = match scheme {
            RsaScheme::Pkcs1Sha256 => &signature::RSA_PKCS1_SHA256,
            RsaScheme::Pkcs1Sha384 => &signature::RSA_PKCS1_SHA384,
            RsaScheme::Pkcs1Sha512 => &signature::RSA_PKCS1_SHA512,
            RsaScheme::PssSha256 => &signature::RSA_PSS_SHA256,
            RsaScheme::PssSha384 => &signature::RSA_PSS_SHA384,
            RsaScheme::PssSha512 => &signature::RSA_PSS_SHA512,
        };
        self.sign_with(encoding, message)
    }

    pub(crate) fn sign_with(&self, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        self.key
            .sign(encoding, &random, message, &mut signature)
            .expect("the modulus is large enough for every scheme");
        signature
    }
}

impl fmt::Debug for RsaSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaSigningKey([REDACTED], {:?})", self.public)
    }
}
