//! RSA signatures, verification only (RFC 8017): PKCS#1 v1.5 and PSS, moduli of 2048 to 4096 bits, exponent 65537.

use std::fmt;

use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey as ParsedKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::sign::{BadSignature, UnsupportedKey};
use crate::{backend, der};

/// The one public exponent.
pub const EXPONENT: u32 = 65537;
/// Smallest modulus, in bits.
pub const MODULUS_BITS_MIN: usize = 2048;
/// Largest modulus, in bits: verifying takes time that grows with its square.
pub const MODULUS_BITS_MAX: usize = 4096;

/// Padding and hash. PSS takes the mask from the same hash, and a salt of the hash's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaScheme {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Pkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Pkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Pkcs1Sha512,
    /// RSASSA-PSS with SHA-256.
    PssSha256,
    /// RSASSA-PSS with SHA-384.
    PssSha384,
    /// RSASSA-PSS with SHA-512.
    PssSha512,
}

/// An RSA key that verifies.
#[derive(Clone, PartialEq, Eq)]
pub struct RsaVerifyingKey {
    modulus: Vec<u8>,
    spki: Vec<u8>,
}

impl RsaVerifyingKey {
    /// Reads a key from a DER SubjectPublicKeyInfo with the algorithm rsaEncryption (RFC 3279 §2.3.1).
    ///
    /// # Errors
    /// [`UnsupportedKey`] for other algorithms, sizes, exponents and forms, and for trailing bytes.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, UnsupportedKey> {
        if der.len() > SPKI_BYTES_MAX {
            return Err(UnsupportedKey);
        }
        let (_, parsed) = SubjectPublicKeyInfo::from_der(der).map_err(|_| UnsupportedKey)?;
        let Ok(ParsedKey::RSA(numbers)) = parsed.parsed() else {
            return Err(UnsupportedKey);
        };
        let exponent = numbers.try_exponent().map_err(|_| UnsupportedKey)?;
        let exponent = u32::try_from(exponent).map_err(|_| UnsupportedKey)?;
        let key = Self::from_components(numbers.modulus, exponent)?;
        // One key has one form: what is written from the numbers must be what was read.
        if key.spki == der {
            Ok(key)
        } else {
            Err(UnsupportedKey)
        }
    }

    /// A key from its modulus `n` (big-endian, leading zeros allowed) and public exponent `e`.
    ///
    /// # Errors
    /// [`UnsupportedKey`] for other sizes and exponents, and for an even modulus.
    pub fn from_components(n: &[u8], e: u32) -> Result<Self, UnsupportedKey> {
        let modulus = der::trim(n);
        let (Some(first), Some(last)) = (modulus.first(), modulus.last()) else {
            return Err(UnsupportedKey);
        };
        let bits = modulus.len().saturating_mul(8) - usize::try_from(first.leading_zeros()).unwrap_or(8);
        let in_range = (MODULUS_BITS_MIN..=MODULUS_BITS_MAX).contains(&bits);
        if !in_range || last & 1 == 0 || e != EXPONENT {
            return Err(UnsupportedKey);
        }
        let numbers = der::element(
            der::SEQUENCE,
            &[
                &der::unsigned(modulus),
                &der::unsigned(der::trim(&e.to_be_bytes())),
            ],
        );
        let algorithm = der::element(der::SEQUENCE, &[RSA_ENCRYPTION, der::NULL]);
        let spki = der::element(
            der::SEQUENCE,
            &[&algorithm, &der::element(der::BIT_STRING, &[&[0], &numbers])],
        );
        Ok(Self {
            modulus: modulus.to_vec(),
            spki,
        })
    }

    /// The key as DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// RSAPublicKey (RFC 8017 §A.1.1), DER.
    #[cfg(feature = "fast")]
    pub(crate) fn numbers_der(&self) -> &[u8] {
        // Two headers with lengths of two bytes each, the algorithm, and the BIT STRING's count of unused bits.
        &self.spki[4 + 15 + 4 + 1..]
    }

    /// The modulus, big-endian and without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// Checks a signature over `message`.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, scheme: RsaScheme, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let good = backend::rsa_verify(scheme, &self.modulus, message, signature);
        if good { Ok(()) } else { Err(BadSignature) }
    }
}

impl fmt::Debug for RsaVerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RsaVerifyingKey({}, {})",
            self.modulus.len() * 8,
            crate::digest::sha256(&self.spki)
        )
    }
}

/// The largest modulus has 512 bytes; the rest has 38.
const SPKI_BYTES_MAX: usize = 1024;

/// The object identifier rsaEncryption, 1.2.840.113549.1.1.1.
const RSA_ENCRYPTION: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
