//! Attestation keys: as evidence shows them, and as a verifier knows them beforehand.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::sign::PublicKey;
use strongroom_crypto::x509::{self, Certificate};

use super::native;
use super::public::{Public, PublicError, Scheme};
use super::wire::algorithm;
use crate::endorsements::AttestationKey;

/// The public half of an attestation key, as evidence shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestationKeyPublic {
    key: PublicKey,
    /// None where only the key itself is shown: then nothing is known of the object that it belongs to.
    public: Option<Public>,
}

/// Bytes are no attestation key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Begins as a public area and is none that can be used.
    #[error(transparent)]
    Public(#[from] PublicError),
    /// A SubjectPublicKeyInfo of another kind of key.
    #[error("the key is neither RSA of 2048 to 4096 bits with exponent 65537 nor on P-256 or P-384")]
    Unsupported,
    /// The attributes are not those of an attestation key.
    #[error("the key's attributes are not those of an attestation key")]
    Attributes,
}

impl AttestationKeyPublic {
    /// Reads `TPMT_PUBLIC`, `TPM2B_PUBLIC`, or a SubjectPublicKeyInfo in DER or PEM.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        if let Some(spki) = spki(bytes) {
            let key = PublicKey::from_spki_der(&spki).map_err(|_| KeyError::Unsupported)?;
            return Ok(Self { key, public: None });
        }
        Ok(Public::parse(bytes)?.into())
    }

    /// Checks that the key's attributes are those of an attestation key: see [`super::public::Attributes`].
    ///
    /// # Errors
    /// [`KeyError::Attributes`]; also where no attributes are shown.
    pub fn check_attributes(&self) -> Result<(), KeyError> {
        let public = self.public.as_ref().ok_or(KeyError::Attributes)?;
        let wrong = public.attributes().not_of_an_attestation_key();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(KeyError::Attributes)
        }
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The key as DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        self.key.spki_der()
    }

    /// The public area, where it is shown.
    #[must_use]
    pub const fn public(&self) -> Option<&Public> {
        self.public.as_ref()
    }

    /// The key's name, where its public area is shown.
    #[must_use]
    pub fn name(&self) -> Option<Vec<u8>> {
        self.public.as_ref().map(Public::name)
    }

    /// How reports and claims call the key: SHA-256 of its public area, which for most keys is its name; of its
    /// SubjectPublicKeyInfo where that is all there is.
    #[must_use]
    pub fn id(&self) -> Digest32 {
        sha256(
            self.public
                .as_ref()
                .map_or_else(|| self.spki_der(), Public::as_bytes),
        )
    }

    pub(super) fn scheme(&self) -> Option<Scheme> {
        self.public.as_ref().and_then(Public::scheme)
    }
}

impl From<Public> for AttestationKeyPublic {
    fn from(public: Public) -> Self {
        Self {
            key: public.key().clone(),
            public: Some(public),
        }
    }
}

/// What is known beforehand of an attestation key. Reads as hexadecimal of its name (without the prefix of SHA-256) or as
/// PEM, and prints so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownKey {
    /// The name of its public area: attributes included.
    Name(Vec<u8>),
    /// Its public area.
    Public(Public),
    /// DER SubjectPublicKeyInfo: whoever names it answers for the attributes.
    Key(Vec<u8>),
}

impl KnownKey {
    /// Reads what a file or a pin holds: a public area, a SubjectPublicKeyInfo or a certificate over the key in DER or
    /// PEM, or the name; in bytes, or as base64 and the name as hexadecimal.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(bytes).ok();
        if let Some(name) = text.and_then(name_from_text) {
            return Ok(Self::Name(name));
        }
        let decoded = text.and_then(native::base64);
        Self::parse_bytes(bytes)
            .or_else(|error| decoded.ok_or(error).and_then(|bytes| Self::parse_bytes(&bytes)))
    }

    fn parse_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        if let Some(name) = name_from_bytes(bytes) {
            return Ok(Self::Name(name));
        }
        let error = match AttestationKeyPublic::parse(bytes) {
            Ok(AttestationKeyPublic {
                public: Some(public), ..
            }) => return Ok(Self::Public(public)),
            Ok(AttestationKeyPublic { key, .. }) => return Ok(Self::Key(key.spki_der().to_vec())),
            Err(error) => error,
        };
        let pem = std::str::from_utf8(bytes).map(Certificate::parse_pem);
        let certificate = match pem {
            Ok(Ok(certificate)) => certificate,
            _ => Certificate::parse(bytes).map_err(|_| error)?,
        };
        let key = certificate.public_key().map_err(|_| KeyError::Unsupported)?;
        Ok(Self::Key(key.spki_der().to_vec()))
    }

    /// Whether this is that key. Of a key that is shown without its public area a name says nothing.
    #[must_use]
    pub fn is(&self, key: &AttestationKeyPublic) -> bool {
        match self {
            Self::Name(name) => key.name().as_ref() == Some(name),
            // What is known of it says all that is not shown.
            Self::Public(public) => key
                .public()
                .map_or_else(|| public.key() == key.key(), |shown| shown == public),
            Self::Key(spki) => spki == key.spki_der(),
        }
    }

    /// The pin, for [`crate::Roots::with_attestation_key`].
    #[must_use]
    pub fn to_pin(&self) -> AttestationKey {
        let public = match self {
            Self::Name(bytes) | Self::Key(bytes) => bytes.clone(),
            Self::Public(public) => public.as_bytes().to_vec(),
        };
        AttestationKey {
            public,
            endorsement_root: None,
        }
    }
}

impl AttestationKey {
    /// Whether this is the key that evidence shows.
    pub(super) fn is(&self, key: &AttestationKeyPublic) -> bool {
        KnownKey::parse_bytes(&self.public).is_ok_and(|known| known.is(key))
    }
}

/// DER SubjectPublicKeyInfo, or the content of the first PEM block of that kind.
fn spki(bytes: &[u8]) -> Option<Vec<u8>> {
    // No public area is as long as this byte would say at the beginning of a TPM2B_PUBLIC.
    const SEQUENCE: u8 = 0x30;
    if bytes.first() == Some(&SEQUENCE) {
        return Some(bytes.to_vec());
    }
    let text = std::str::from_utf8(bytes).ok()?;
    x509::parse_public_key_pem(text).ok()
}

/// 34, 50 or 66 bytes.
fn name_from_bytes(bytes: &[u8]) -> Option<Vec<u8>> {
    let (prefix, digest) = bytes.split_first_chunk()?;
    let length = match u16::from_be_bytes(*prefix) {
        algorithm::SHA256 => 32,
        algorithm::SHA384 => 48,
        algorithm::SHA512 => 64,
        _ => return None,
    };
    (digest.len() == length).then(|| bytes.to_vec())
}

fn name_from_text(text: &str) -> Option<Vec<u8>> {
    let bytes = hex::decode(text.trim()).ok()?;
    if bytes.len() == 32 {
        return Some([&algorithm::SHA256.to_be_bytes(), bytes.as_slice()].concat());
    }
    name_from_bytes(&bytes)
}

impl FromStr for KnownKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for KnownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Name(name) => name,
            Self::Public(public) => &public.name(),
            Self::Key(spki) => return f.write_str(&x509::public_key_pem(spki)),
        };
        let sha256 = name.strip_prefix(&algorithm::SHA256.to_be_bytes());
        f.write_str(&hex::encode(sha256.unwrap_or(name)))
    }
}

impl Serialize for KnownKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KnownKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| {
            serde::de::Error::custom(format!(
                "an attestation key is a name (64 hexadecimal digits) or PEM: {error}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "0023000b00050072000000100018000b000300100020\
        6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
        00204fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

    #[test]
    fn a_key_is_known_by_its_name_its_public_area_or_itself() {
        let public = hex::decode(PUBLIC).unwrap();
        let whole = AttestationKeyPublic::parse(&public).unwrap();
        let bare = AttestationKeyPublic::parse(whole.spki_der()).unwrap();
        let sized = [&[0, 0x58], public.as_slice()].concat();
        let pem = x509::public_key_pem(whole.spki_der());
        let known = |bytes: &[u8]| {
            let known = KnownKey::parse(bytes).unwrap();
            (known.is(&whole), known.is(&bare))
        };
        let name = whole.name().unwrap();
        assert_eq!(known(hex::encode(&name).as_bytes()), (true, false));
        assert_eq!(known(hex::encode(&name[2..]).as_bytes()), (true, false));
        assert_eq!(known(&name), (true, false));
        assert_eq!(known(&public), (true, true));
        assert_eq!(known(&sized), (true, true));
        assert_eq!(known(whole.spki_der()), (true, true));
        assert_eq!(known(pem.as_bytes()), (true, true));
        let mut other = public;
        other[7] ^= 0x40;
        // Another object: the same key with other attributes.
        assert_eq!(known(&other), (false, true));
        assert!(KnownKey::parse(b"").is_err() && KnownKey::parse(b"key").is_err());
    }
}
