//! Signatures of attestation keys: `TPMT_SIGNATURE` (TPM 2.0 Library, Part 2 §11.3.4), and the bare forms that tools
//! write instead.

use std::fmt;

use strongroom_crypto::rsa_verify::RsaScheme;
use strongroom_crypto::sign::{Curve, PublicKey};

use super::public::padded;
use super::wire::{Reader, algorithm};

/// Longest signature that is read: above that of an RSA key of 4096 bits.
const BYTES_MAX: usize = 1024;

/// A signature that was read, with a scheme and a hash that may be none that is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    scheme: u16,
    hash: u16,
    value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Rsa(Vec<u8>),
    /// Both numbers, big-endian.
    Ecdsa(Vec<u8>, Vec<u8>),
    /// ASN.1.
    EcdsaDer(Vec<u8>),
}

impl Signature {
    /// Reads `TPMT_SIGNATURE`, or what is left of one when tools drop its head: RSASSA with SHA-256 as bare number, ECDSA
    /// with the curve's hash as ASN.1 or as `r || s`. `key` tells which.
    ///
    /// # Errors
    /// A half sentence about what is wrong.
    pub fn parse(bytes: &[u8], key: &PublicKey) -> Result<Self, &'static str> {
        if bytes.len() > BYTES_MAX {
            return Err("signature: it is longer than any");
        }
        tpmt(bytes)
            .or_else(|| bare(bytes, key))
            .ok_or("signature: neither TPMT_SIGNATURE nor the bare signature of a key of this kind")
    }

    /// Number of the scheme in the TCG Algorithm Registry.
    #[must_use]
    pub const fn scheme(&self) -> u16 {
        self.scheme
    }

    /// Number of the hash.
    #[must_use]
    pub const fn hash(&self) -> u16 {
        self.hash
    }

    /// Whether scheme and hash are ones that a key of this kind is believed by. SHA-1 is not, for no key.
    #[must_use]
    pub fn is_accepted_of(&self, key: &PublicKey) -> bool {
        match key {
            PublicKey::Rsa(_) => rsa_scheme(self.scheme, self.hash).is_some(),
            PublicKey::Ecdsa(key) => self.scheme == algorithm::ECDSA && self.hash == curve_hash(key.curve()),
        }
    }

    /// Whether `key` made this over `message`; false for what [`Self::is_accepted_of`] refuses.
    #[must_use]
    pub fn verifies(&self, key: &PublicKey, message: &[u8]) -> bool {
        self.is_accepted_of(key)
            && match (key, &self.value) {
                (PublicKey::Rsa(key), Value::Rsa(signature)) => rsa_scheme(self.scheme, self.hash)
                    .is_some_and(|scheme| key.verify(scheme, message, signature).is_ok()),
                (PublicKey::Ecdsa(key), Value::Ecdsa(r, s)) => padded(r, key.curve())
                    .zip(padded(s, key.curve()))
                    .is_some_and(|(r, s)| key.verify_raw(message, &[r, s].concat()).is_ok()),
                (PublicKey::Ecdsa(key), Value::EcdsaDer(der)) => key.verify(message, der).is_ok(),
                _ => false,
            }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, hash) = (algorithm::name(self.scheme), algorithm::name(self.hash));
        write!(f, "{scheme} with {hash}")
    }
}

fn tpmt(bytes: &[u8]) -> Option<Signature> {
    let mut reader = Reader::new(bytes);
    let scheme = reader.u16()?;
    let hash = reader.u16()?;
    let value = match scheme {
        algorithm::RSASSA | algorithm::RSAPSS => Value::Rsa(reader.sized()?.to_vec()),
        algorithm::ECDSA => Value::Ecdsa(reader.sized()?.to_vec(), reader.sized()?.to_vec()),
        _ => return None,
    };
    reader.is_empty().then_some(Signature { scheme, hash, value })
}

fn bare(bytes: &[u8], key: &PublicKey) -> Option<Signature> {
    const SEQUENCE: u8 = 0x30;
    match key {
        PublicKey::Rsa(key) => (bytes.len() == key.modulus().len()).then(|| Signature {
            scheme: algorithm::RSASSA,
            hash: algorithm::SHA256,
            value: Value::Rsa(bytes.to_vec()),
        }),
        PublicKey::Ecdsa(key) => {
            let length = padded(&[], key.curve())?.len();
            let value = if bytes.len() == 2 * length {
                let (r, s) = bytes.split_at(length);
                Value::Ecdsa(r.to_vec(), s.to_vec())
            } else if bytes.first() == Some(&SEQUENCE) {
                Value::EcdsaDer(bytes.to_vec())
            } else {
                return None;
            };
            Some(Signature {
                scheme: algorithm::ECDSA,
                hash: curve_hash(key.curve()),
                value,
            })
        }
    }
}

fn rsa_scheme(scheme: u16, hash: u16) -> Option<RsaScheme> {
    match (scheme, hash) {
        (algorithm::RSASSA, algorithm::SHA256) => Some(RsaScheme::Pkcs1Sha256),
        (algorithm::RSASSA, algorithm::SHA384) => Some(RsaScheme::Pkcs1Sha384),
        (algorithm::RSASSA, algorithm::SHA512) => Some(RsaScheme::Pkcs1Sha512),
        (algorithm::RSAPSS, algorithm::SHA256) => Some(RsaScheme::PssSha256),
        (algorithm::RSAPSS, algorithm::SHA384) => Some(RsaScheme::PssSha384),
        (algorithm::RSAPSS, algorithm::SHA512) => Some(RsaScheme::PssSha512),
        _ => None,
    }
}

const fn curve_hash(curve: Curve) -> u16 {
    match curve {
        Curve::P256 => algorithm::SHA256,
        Curve::P384 => algorithm::SHA384,
    }
}
