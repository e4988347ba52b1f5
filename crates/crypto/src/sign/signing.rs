//! Keys that sign: what needs the `fast` back end.

use std::fmt;

use zeroize::Zeroizing;

use super::{Curve, UnsupportedKey, VerifyingKey};
use crate::backend;

/// A key that signs. Redacted in `Debug`, not `Clone`.
pub struct SigningKey {
    key: backend::EcdsaKey,
    public: VerifyingKey,
}

impl SigningKey {
    /// A new P-384 key, from the operating system's randomness.
    #[must_use]
    pub fn generate_p384() -> Self {
        Self::new(Curve::P384, backend::EcdsaKey::generate(Curve::P384))
    }

    /// A new P-256 key, from the operating system's randomness.
    #[must_use]
    pub fn generate_p256() -> Self {
        Self::new(Curve::P256, backend::EcdsaKey::generate(Curve::P256))
    }

    /// Reads a key from PKCS#8 DER (RFC 5208).
    ///
    /// # Errors
    /// [`UnsupportedKey`].
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, UnsupportedKey> {
        [Curve::P384, Curve::P256]
            .into_iter()
            .find_map(|curve| Some(Self::new(curve, backend::EcdsaKey::from_pkcs8(curve, der)?)))
            .ok_or(UnsupportedKey)
    }

    /// Reads a key from PKCS#8 PEM.
    ///
    /// # Errors
    /// [`UnsupportedKey`].
    pub fn from_pkcs8_pem(text: &str) -> Result<Self, UnsupportedKey> {
        let block = pem::parse(text).map_err(|_| UnsupportedKey)?;
        let der = Zeroizing::new(block.into_contents());
        Self::from_pkcs8_der(&der)
    }

    fn new(curve: Curve, key: backend::EcdsaKey) -> Self {
        let spki = [curve.spki_head(), key.point()].concat();
        Self {
            key,
            public: VerifyingKey { curve, spki },
        }
    }

    /// The key as PKCS#8 DER.
    #[must_use]
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        self.key.to_pkcs8()
    }

    /// The key as PKCS#8 PEM (`PRIVATE KEY`).
    #[must_use]
    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        let block = pem::Pem::new("PRIVATE KEY", self.to_pkcs8_der().to_vec());
        let text = Zeroizing::new(crate::x509::encode_pem(&block));
        crate::secret::wipe(&mut block.into_contents());
        text
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// The public half as DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        self.public.spki_der()
    }

    /// Signs `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign(message)
    }

    /// Signs `message`; the signature is `r || s`, both numbers big-endian and of the curve's size.
    #[must_use]
    pub fn sign_raw(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign_raw(self.public.curve, message)
    }

    /// Signs SHA-256 of `message` with a P-384 key: the form of MarbleRun's manifest signatures, and of nothing of ours.
    ///
    /// # Panics
    /// If the key is on another curve.
    #[must_use]
    pub fn sign_p384_sha256(&self, message: &[u8]) -> Vec<u8> {
        assert_eq!(self.public.curve, Curve::P384, "the root key is on P-384");
        self.key.sign_p384_sha256(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey([REDACTED], {:?})", self.public)
    }
}
