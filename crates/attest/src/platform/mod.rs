//! The platforms that evidence can come from. Each has a folder with the same two files: `evidence.rs` (its form) and
//! `verify.rs` (its numbered checks). A platform that is not built in is refused by name.

#[cfg(feature = "simulation")]
pub mod software;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::evidence::{ParseError, PlatformEvidence};

/// What makes the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Platform {
    /// A process that plays the hardware; protects nothing. Built in with feature `simulation` only.
    Software,
    /// Intel SGX enclaves.
    Sgx,
    /// Intel TDX machines.
    Tdx,
    /// AMD SEV-SNP machines.
    Snp,
    /// TPM 2.0 measured boot; by itself it hides no memory from the host.
    Tpm,
}

impl Platform {
    /// Every platform that has a name, built in or not.
    pub const ALL: &'static [Self] = &[Self::Software, Self::Sgx, Self::Tdx, Self::Snp, Self::Tpm];

    /// The platform's name in manifests, policies and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Sgx => "sgx",
            Self::Tdx => "tdx",
            Self::Snp => "snp",
            Self::Tpm => "tpm",
        }
    }

    /// Whether this program can verify the platform's evidence.
    #[must_use]
    pub const fn is_built_in(self) -> bool {
        matches!(self, Self::Software) && cfg!(feature = "simulation")
    }

    /// How long the platform's measurements are, where it has one length for all.
    pub(crate) const fn measurement_bytes(self) -> Option<usize> {
        match self {
            Self::Software | Self::Sgx => Some(32),
            Self::Tdx | Self::Snp | Self::Tpm => None,
        }
    }

    /// The platform's number in our envelope.
    pub(crate) const fn tag(self) -> u16 {
        match self {
            Self::Software => 1,
            Self::Sgx => 2,
            Self::Tdx => 3,
            Self::Snp => 4,
            Self::Tpm => 5,
        }
    }

    pub(crate) fn from_tag(tag: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|platform| platform.tag() == tag)
    }
}

/// Reads a platform's own form: the one place that says which platforms are built in.
pub(crate) fn parse(platform: Platform, body: &[u8]) -> Result<Arc<dyn PlatformEvidence>, ParseError> {
    let _ = body; // no platform may be built in
    match platform {
        #[cfg(feature = "simulation")]
        Platform::Software => Ok(Arc::new(software::SoftwareEvidence::parse(body)?)),
        other => Err(ParseError::NotBuiltIn(other)),
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text names no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no platform {0:?}: known are software, sgx, tdx, snp and tpm")]
pub struct UnknownPlatform(pub String);

impl FromStr for Platform {
    type Err = UnknownPlatform;

    fn from_str(name: &str) -> Result<Self, UnknownPlatform> {
        let known = Self::ALL.iter().copied().find(|platform| platform.name() == name);
        known.ok_or_else(|| UnknownPlatform(name.to_owned()))
    }
}
