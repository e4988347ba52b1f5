//! What evidence proves of a machine and of the program on it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::time::UnixTime;

use crate::endorsements::Anchor;
use crate::platform::{Facts, Platform};

/// Facts about the attester. [`crate::verify`] is the only way to get one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claims {
    pub(crate) platform: Platform,
    pub(crate) protection: Protection,
    pub(crate) measurement: Measurement,
    pub(crate) signer: Option<Digest32>,
    pub(crate) product: Option<u64>,
    pub(crate) security_version: Option<u64>,
    pub(crate) workload: Option<Digest32>,
    pub(crate) debug: bool,
    pub(crate) issued_at: UnixTime,
    pub(crate) root: Digest32,
    pub(crate) anchor: Anchor,
    /// What only this platform knows; its own policy is held against it.
    #[serde(skip_serializing_if = "Facts::is_none")]
    pub(crate) facts: Facts,
}

impl Claims {
    /// The platform that vouches.
    #[must_use]
    pub const fn platform(&self) -> Platform {
        self.platform
    }

    /// What the platform protects against its own host.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        self.protection
    }

    /// The platform's measurement of the program (launcher or coordinator).
    #[must_use]
    pub const fn measurement(&self) -> &Measurement {
        &self.measurement
    }

    /// Who signed the program, on platforms that know a signer.
    #[must_use]
    pub const fn signer(&self) -> Option<Digest32> {
        self.signer
    }

    /// The signer's product number, on platforms that know a signer.
    #[must_use]
    pub const fn product(&self) -> Option<u64> {
        self.product
    }

    /// The program's security version, on platforms that know a signer.
    #[must_use]
    pub const fn security_version(&self) -> Option<u64> {
        self.security_version
    }

    /// Digest of the workload description that the launcher runs; none for a program that is no launcher.
    #[must_use]
    pub const fn workload(&self) -> Option<Digest32> {
        self.workload
    }

    /// Whether the attester can be looked into.
    #[must_use]
    pub const fn debug(&self) -> bool {
        self.debug
    }

    /// The newest time that something signed shows: when the evidence was made, on a platform that says so, or else when
    /// its newest endorsement was.
    #[must_use]
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// SHA-256 of the root certificate (DER) that the evidence hangs on.
    #[must_use]
    pub const fn root(&self) -> Digest32 {
        self.root
    }

    /// Whose root that is.
    #[must_use]
    pub const fn anchor(&self) -> Anchor {
        self.anchor
    }

    /// What only this platform knows.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// What a platform protects the program from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// Memory is hidden from the host, and the program is the one measured.
    Confidential,
    /// The program is the one measured; the host can read its memory.
    IntegrityOnly,
    /// None: a process plays the hardware.
    Simulated,
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Confidential => "confidential",
            Self::IntegrityOnly => "INTEGRITY ONLY: the host can read its memory",
            Self::Simulated => "SIMULATED: protects nothing",
        })
    }
}

/// A platform's measurement of a program: 1 to 64 bytes, in hexadecimal wherever it is shown.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Measurement(Vec<u8>);

impl Measurement {
    /// Most bytes that a measurement has.
    pub const BYTES_MAX: usize = 64;

    /// The measurement's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; 48]> for Measurement {
    fn from(digest: [u8; 48]) -> Self {
        Self(digest.to_vec())
    }
}

impl From<Digest32> for Measurement {
    fn from(digest: Digest32) -> Self {
        Self(digest.as_bytes().to_vec())
    }
}

/// A text is no measurement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a measurement is 2 to 128 hexadecimal digits, two for each byte")]
pub struct NotAMeasurement;

impl FromStr for Measurement {
    type Err = NotAMeasurement;

    fn from_str(text: &str) -> Result<Self, NotAMeasurement> {
        if text.is_empty() || text.len() > 2 * Self::BYTES_MAX {
            return Err(NotAMeasurement);
        }
        hex::decode(text).map(Self).map_err(|_| NotAMeasurement)
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Measurement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Measurement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
