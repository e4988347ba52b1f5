//! Secrets as types: redacted in `Debug`, wiped on drop, neither cloned nor serialised, exposed by one visible call.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::kdf;
use crate::label::{self, Label};
use crate::random::Random;

/// Bytes are no 32-byte key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key has 32 bytes, this has {found}")]
pub struct WrongKeyLength {
    /// Bytes found.
    pub found: usize,
}

macro_rules! secret_keys {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub struct $name(SecretBox<[u8; 32]>);

        impl $name {
            /// A key that `fill` writes in place, so that no copy is left behind.
            pub fn init_with(fill: impl FnOnce(&mut [u8; 32])) -> Self {
                let mut key = SecretBox::new(Box::new([0; 32]));
                fill(key.expose_secret_mut());
                Self(key)
            }

            /// A new random key.
            #[must_use]
            pub fn generate(random: &dyn Random) -> Self {
                Self::init_with(|key| random.fill(key))
            }

            /// A key from exactly 32 bytes. The caller wipes its own copy.
            ///
            /// # Errors
            /// [`WrongKeyLength`] for any other length.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, WrongKeyLength> {
                let found = bytes.len();
                let bytes: &[u8; 32] = bytes.try_into().map_err(|_| WrongKeyLength { found })?;
                Ok(Self::init_with(|key| key.copy_from_slice(bytes)))
            }

            /// A key of this kind for `info`, derived from this one (HKDF-SHA256, RFC 5869).
            #[must_use]
            pub fn derive(&self, salt: &[u8], label: Label) -> [u8; 32] {
                let mut out = [0; 32];
                kdf::hkdf_sha256(self.expose(), salt, label.as_bytes(), &mut out)
                    .expect("32 bytes are within HKDF's limit");
                out
            }

            /// The key's bytes. Every call is a place to look at in a review.
            #[must_use]
            pub fn expose(&self) -> &[u8; 32] {
                self.0.expose_secret()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([REDACTED])"))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.expose().ct_eq(other.expose()).into()
            }
        }

        impl Eq for $name {}
    )*};
}

secret_keys! {
    /// A model owner's key: opens the data keys of that owner's bundles.
    ModelKey
    /// The key of one bundle.
    DataKey
    /// The coordinator's key over its records.
    StateKey
    /// The coordinator's key over guarded secrets: not covered by recovery.
    GuardKey
    /// The platform's key for one program on one machine.
    SealKey
    /// What brings the state key back on another machine.
    RecoverySecret
    /// The key of one record or one secret value.
    RecordKey
    /// The secret that per-marble secrets are derived from.
    RootSecret
}

impl ModelKey {
    /// The key's public name: 16 bytes derived one way, the same wherever the key is held.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut id = [0; 16];
        kdf::hkdf_sha256(self.expose(), &[], label::MODEL_KEY_ID.as_bytes(), &mut id)
            .expect("16 bytes are within HKDF's limit");
        KeyId(id)
    }
}

/// Name of a [`ModelKey`]; prints and parses as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 16]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is no key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key id has 32 hexadecimal digits")]
pub struct NotAKeyId;

impl FromStr for KeyId {
    type Err = NotAKeyId;

    fn from_str(text: &str) -> Result<Self, NotAKeyId> {
        let mut id = [0; 16];
        hex::decode_to_slice(text, &mut id).map_err(|_| NotAKeyId)?;
        Ok(Self(id))
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A secret of any length: a user's secret, a rendered file, a private key in PEM.
pub struct SecretBytes(SecretBox<Vec<u8>>);

impl SecretBytes {
    /// Takes the bytes over; they are wiped when this is dropped.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// A copy of `bytes`, wiped when dropped. The caller wipes its own.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// The bytes. Every call is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.expose().len()
    }

    /// Whether there are no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// A second holder of the same bytes, said in words because it doubles what has to be wiped.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::copy_of(self.expose())
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes([REDACTED])")
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for SecretBytes {}

/// Wipes a buffer that held a secret for a moment.
pub fn wipe(buffer: &mut impl Zeroize) {
    buffer.zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_byte_and_lengths_are_checked() {
        let key = ModelKey::init_with(|key| key.fill(0x41));
        assert_eq!(format!("{key:?}"), "ModelKey([REDACTED])");
        assert_eq!(
            format!("{:?}", SecretBytes::new(b"canary".to_vec())),
            "SecretBytes([REDACTED])"
        );
        assert_eq!(ModelKey::from_slice(&[1; 31]), Err(WrongKeyLength { found: 31 }));
        assert_eq!(ModelKey::from_slice(&[0x41; 32]), Ok(key));
    }

    #[test]
    fn a_key_id_names_the_key_and_round_trips() {
        let key = ModelKey::init_with(|key| key.fill(7));
        let id = key.id();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_ne!(id, ModelKey::init_with(|key| key.fill(8)).id());
    }
}
