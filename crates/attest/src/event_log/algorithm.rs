//! Hash algorithms by their numbers in the TCG Algorithm Registry, and values of registers.

use std::fmt;

use strongroom_crypto::digest::{sha256, sha384, sha512};

/// A hash algorithm that an event log may use. Those without an implementation here are read past, never replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-1: read past. No bank of it is accepted.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SM3-256: read past.
    Sm3,
    /// SHA3-256: read past.
    Sha3_256,
    /// SHA3-384: read past.
    Sha3_384,
    /// SHA3-512: read past.
    Sha3_512,
}

const ALL: [Algorithm; 8] = [
    Algorithm::Sha1,
    Algorithm::Sha256,
    Algorithm::Sha384,
    Algorithm::Sha512,
    Algorithm::Sm3,
    Algorithm::Sha3_256,
    Algorithm::Sha3_384,
    Algorithm::Sha3_512,
];

impl Algorithm {
    /// The algorithm of a registry number, if it is known here.
    #[must_use]
    pub fn of(id: u16) -> Option<Self> {
        ALL.into_iter().find(|algorithm| algorithm.id() == id)
    }

    /// Its number in the registry.
    #[must_use]
    pub const fn id(self) -> u16 {
        match self {
            Self::Sha1 => 0x04,
            Self::Sha256 => 0x0b,
            Self::Sha384 => 0x0c,
            Self::Sha512 => 0x0d,
            Self::Sm3 => 0x12,
            Self::Sha3_256 => 0x27,
            Self::Sha3_384 => 0x28,
            Self::Sha3_512 => 0x29,
        }
    }

    /// Bytes of a digest.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 | Self::Sm3 | Self::Sha3_256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 => 64,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
            Self::Sm3 => "SM3",
            Self::Sha3_256 => "SHA3-256",
            Self::Sha3_384 => "SHA3-384",
            Self::Sha3_512 => "SHA3-512",
        }
    }

    /// The digest of `data`; none for an algorithm that is only read past.
    #[must_use]
    pub fn digest(self, data: &[u8]) -> Option<RegisterValue> {
        match self {
            Self::Sha256 => Some(RegisterValue::of(sha256(data).as_bytes())),
            Self::Sha384 => Some(RegisterValue::of(&sha384(data))),
            Self::Sha512 => Some(RegisterValue::of(&sha512(data))),
            _ => None,
        }
    }

    /// Whether digests of it can be computed here.
    #[must_use]
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Sha256 | Self::Sha384 | Self::Sha512)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const VALUE_BYTES_MAX: usize = 64;

/// A digest, or the value of a register: up to 64 bytes, printed as hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RegisterValue {
    bytes: [u8; VALUE_BYTES_MAX],
    length: usize,
}

impl RegisterValue {
    fn of(digest: &[u8]) -> Self {
        let mut bytes = [0; VALUE_BYTES_MAX];
        let length = digest.len().min(VALUE_BYTES_MAX);
        bytes[..length].copy_from_slice(&digest[..length]);
        Self { bytes, length }
    }

    /// A register of `algorithm` in which every byte is `byte`.
    pub(crate) fn filled(algorithm: Algorithm, byte: u8) -> Self {
        Self::of(&[byte; VALUE_BYTES_MAX][..algorithm.size()])
    }

    /// The same with another last byte.
    pub(crate) fn ending_in(mut self, byte: u8) -> Self {
        if let Some(last) = self.bytes[..self.length].last_mut() {
            *last = byte;
        }
        self
    }

    /// What the register holds after it is extended with `digest`: H(value ‖ digest). None for an algorithm that is
    /// only read past.
    pub(crate) fn extended(&self, algorithm: Algorithm, digest: &[u8]) -> Option<Self> {
        let mut both = [0; 2 * VALUE_BYTES_MAX];
        let length = self.length + digest.len();
        both[..self.length].copy_from_slice(self.as_bytes());
        both.get_mut(self.length..length)?.copy_from_slice(digest);
        algorithm.digest(&both[..length])
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Display for RegisterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.as_bytes()))
    }
}

impl fmt::Debug for RegisterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extending_hashes_the_value_and_the_digest() {
        let zero = RegisterValue::filled(Algorithm::Sha256, 0);
        let digest = sha256(b"event");
        let both = [&[0; 32], digest.as_bytes().as_slice()].concat();
        let extended = zero.extended(Algorithm::Sha256, digest.as_bytes());
        assert_eq!(extended, Algorithm::Sha256.digest(&both));
        assert_eq!(zero.extended(Algorithm::Sha1, &[0; 20]), None);
        assert_eq!(zero.extended(Algorithm::Sha512, &[0; 200]), None);
    }

    #[test]
    fn numbers_lead_back_to_their_algorithm() {
        for algorithm in ALL {
            assert_eq!(Algorithm::of(algorithm.id()), Some(algorithm));
            assert_eq!(algorithm.digest(b"").is_some(), algorithm.is_usable());
        }
        assert_eq!(Algorithm::of(0xffff), None);
    }
}
