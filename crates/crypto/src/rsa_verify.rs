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

#[cfg(test)]
mod tests {
    use super::*;

    /// An odd number of so many bits. Reading a key does not ask whether it is a product of primes.
    fn modulus(bits: usize) -> Vec<u8> {
        let mut number = vec![0x55; bits.div_ceil(8)];
        let top = 1_u8 << ((bits - 1) % 8);
        number[0] = top | (0x55 & (top - 1));
        number
    }

    #[test]
    fn takes_the_sizes_it_says_and_no_other() {
        for bits in [2048, 2049, 3072, 4095, 4096] {
            let key = RsaVerifyingKey::from_components(&modulus(bits), EXPONENT).unwrap();
            assert_eq!(key.modulus(), modulus(bits), "{bits}");
            let again = RsaVerifyingKey::from_spki_der(key.spki_der()).unwrap();
            assert_eq!(again, key);
            #[cfg(feature = "fast")]
            assert_eq!(
                key.numbers_der(),
                SubjectPublicKeyInfo::from_der(key.spki_der())
                    .unwrap()
                    .1
                    .subject_public_key
                    .data
                    .as_ref()
            );
        }
        for bits in [8, 1024, 2047, 4097, 8192] {
            let key = RsaVerifyingKey::from_components(&modulus(bits), EXPONENT);
            assert_eq!(key, Err(UnsupportedKey), "{bits}");
        }
        let padded = [&[0; 3], modulus(2048).as_slice()].concat();
        let key = RsaVerifyingKey::from_components(&padded, EXPONENT).unwrap();
        assert_eq!(key.modulus(), modulus(2048));
    }

    #[test]
    fn refuses_other_numbers() {
        let mut even = modulus(2048);
        *even.last_mut().unwrap() ^= 1;
        let unsupported = Err(UnsupportedKey);
        assert_eq!(RsaVerifyingKey::from_components(&even, EXPONENT), unsupported);
        assert_eq!(RsaVerifyingKey::from_components(&[], EXPONENT), unsupported);
        assert_eq!(RsaVerifyingKey::from_components(&[0; 256], EXPONENT), unsupported);
        for exponent in [0, 1, 3, 65539] {
            let key = RsaVerifyingKey::from_components(&modulus(2048), exponent);
            assert_eq!(key, unsupported);
        }
    }

    #[test]
    fn a_key_has_one_form() {
        let spki = |algorithm: &[&[u8]], numbers: &[&[u8]], after: &[u8]| {
            let numbers = der::element(der::SEQUENCE, numbers);
            let key = der::element(
                der::SEQUENCE,
                &[
                    &der::element(der::SEQUENCE, algorithm),
                    &der::element(der::BIT_STRING, &[&[0], &numbers]),
                ],
            );
            RsaVerifyingKey::from_spki_der(&[&key, after].concat()).err()
        };
        let n = der::unsigned(&modulus(2048));
        let n_padded = der::element(der::INTEGER, &[&[0, 0], &modulus(2048)]);
        let e = der::unsigned(&[1, 0, 1]);
        let e_three = der::unsigned(&[3]);
        let rsa = [RSA_ENCRYPTION, der::NULL];
        // id-RSASSA-PSS: a key with restrictions of its own, which are not looked at here.
        let pss = [&[&RSA_ENCRYPTION[..10], &[10]].concat(), der::NULL];

        let refused = Some(UnsupportedKey);
        assert_eq!(spki(&rsa, &[&n, &e], &[]), None);
        assert_eq!(spki(&rsa, &[&n, &e], &[0]), refused);
        assert_eq!(spki(&rsa[..1], &[&n, &e], &[]), refused);
        assert_eq!(spki(&pss, &[&n, &e], &[]), refused);
        assert_eq!(spki(&rsa, &[&n_padded, &e], &[]), refused);
        assert_eq!(spki(&rsa, &[&n, &e_three], &[]), refused);
        assert_eq!(spki(&rsa, &[&n], &[]), refused);
        assert_eq!(spki(&rsa, &[&n, &e, der::NULL], &[]), refused);
        assert_eq!(RsaVerifyingKey::from_spki_der(&[]).err(), refused);
        assert_eq!(RsaVerifyingKey::from_spki_der(&[0x30; 4096]).err(), refused);
    }

    #[test]
    fn debug_shows_no_byte_of_the_key() {
        let key = RsaVerifyingKey::from_components(&modulus(2048), EXPONENT).unwrap();
        assert!(!format!("{key:?}").contains("5555"));
    }
}
