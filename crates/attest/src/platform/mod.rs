//! The platforms that evidence can come from. Each has a folder with the same two files: `evidence.rs` (its form) and
//! `verify.rs` (its numbered checks); hardware has `policy.rs` (what may be asked of it) and `step.rs` (its checks' ids) as
//! well. A platform that is not built in is refused by name.

pub mod dcap;
pub mod sgx;
pub mod snp;
#[cfg(feature = "simulation")]
pub mod software;
pub mod tdx;
pub mod tpm;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strongroom_crypto::time::UnixTime;

use crate::claims::Protection;
use crate::evidence::{ParseError, PlatformEvidence};
use crate::parts::Parts;
use crate::reference::Fields;
use crate::report::Report;
use crate::step::{self, Step};

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
        match self {
            Self::Software => cfg!(feature = "simulation"),
            Self::Sgx | Self::Tdx | Self::Snp | Self::Tpm => true,
        }
    }

    /// Whether the platform's maker has a root that is pinned here.
    pub(crate) const fn has_vendor_root(self) -> bool {
        matches!(self, Self::Sgx | Self::Tdx | Self::Snp)
    }

    /// What the platform protects, where nothing is less than it should be.
    #[must_use]
    pub const fn protection(self) -> Protection {
        match self {
            Self::Software => Protection::Simulated,
            Self::Sgx | Self::Tdx | Self::Snp => Protection::Confidential,
            Self::Tpm => Protection::IntegrityOnly,
        }
    }

    /// How long the platform's measurements are, in bytes.
    pub(crate) const fn measurement_bytes(self) -> usize {
        match self {
            Self::Software | Self::Sgx | Self::Tpm => 32,
            Self::Tdx | Self::Snp => 48,
        }
    }

    /// Whether a report on the platform's evidence has this check. Step 15 is no platform's: it is a client's alone, which
    /// makes it always.
    pub(crate) fn makes(self, step: &Step) -> bool {
        use step::{FRESHNESS, MANIFEST, ROOT, SIGNATURE, VALIDITY};
        let ids = |steps: &[Step]| steps.iter().any(|other| other.id == step.id);
        // What each makes under names of its own.
        let (left_out, own): (&[Step], &[&[Step]]) = match self {
            Self::Software => (&[MANIFEST], &[]),
            Self::Sgx => (&[MANIFEST, VALIDITY], &[dcap::STEPS, sgx::STEPS]),
            Self::Tdx => (
                &[MANIFEST, VALIDITY],
                &[dcap::STEPS, tdx::STEPS, tpm::step::OF_EVENT_LOGS],
            ),
            Self::Snp => (&[MANIFEST], &[snp::STEPS]),
            Self::Tpm => (
                &[MANIFEST, ROOT, VALIDITY, SIGNATURE, FRESHNESS],
                &[tpm::step::STEPS],
            ),
        };
        ids(step::COMMON) && !ids(left_out) || own.iter().any(|steps| ids(steps))
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

/// What only one platform knows of a machine. Its policy is held against it, see [`crate::ReferenceValues::appraise`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Facts {
    /// Nothing more than every platform says.
    None,
    /// About an SGX enclave.
    Sgx(Box<sgx::Facts>),
    /// About a TD.
    Tdx(Box<tdx::Facts>),
    /// About an SEV-SNP guest.
    Snp(Box<snp::Facts>),
    /// Of a TPM.
    Tpm(Box<tpm::Facts>),
}

impl Facts {
    pub(crate) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The checks of step 9 that only this platform has, and its TCB.
    pub(crate) fn appraise(&self, expected: &Fields, now: UnixTime, report: &mut Report) {
        match self {
            Self::None => {}
            Self::Sgx(facts) => {
                facts.appraise(&expected.sgx.clone().unwrap_or_default(), now, report);
            }
            Self::Tdx(facts) => facts.appraise(expected, now, report),
            Self::Snp(facts) => {
                facts.appraise(&expected.snp.clone().unwrap_or_default(), now, report);
            }
            Self::Tpm(facts) => facts.appraise(expected, report),
        }
    }
}

/// The checks that hardware has of its own.
pub(crate) fn steps() -> impl Iterator<Item = &'static Step> {
    let dcap = dcap::STEPS.iter().chain(sgx::STEPS).chain(tdx::STEPS);
    dcap.chain(snp::STEPS).chain(tpm::step::STEPS)
}

/// The platform whose evidence begins like these bytes; with `expected`, only if they can be its evidence.
pub(crate) fn recognise(expected: Option<Platform>, bytes: &[u8]) -> Option<Platform> {
    let may_be = |platform| expected.is_none_or(|expected| expected == platform);
    let is_expected = expected.is_some();
    if may_be(Platform::Tpm) && tpm::native::is_native(is_expected, bytes) {
        return Some(Platform::Tpm);
    }
    if may_be(Platform::Snp) && snp::recognise(is_expected, bytes) {
        return Some(Platform::Snp);
    }
    dcap::recognise(expected, bytes)
}

/// Evidence as the platform's tools write it, and the event log beside it.
pub(crate) fn read_native(
    platform: Platform,
    bytes: &[u8],
    event_log: Option<&[u8]>,
) -> Result<Parts, ParseError> {
    let malformed = |what| ParseError::Body { platform, what };
    match platform {
        Platform::Sgx | Platform::Tdx => dcap::read_native(platform, bytes, event_log),
        Platform::Snp => snp::read_native(bytes, event_log),
        Platform::Tpm => tpm::native::read(bytes, event_log).map_err(malformed),
        other => Err(ParseError::NotBuiltIn(other)),
    }
}

/// Reads a platform's own form: the one place that says which platforms are built in.
pub(crate) fn parse(platform: Platform, body: &[u8]) -> Result<Arc<dyn PlatformEvidence>, ParseError> {
    match platform {
        #[cfg(feature = "simulation")]
        Platform::Software => Ok(Arc::new(software::SoftwareEvidence::parse(body)?)),
        Platform::Sgx => Ok(Arc::new(sgx::SgxEvidence::parse(body)?)),
        Platform::Tdx => Ok(Arc::new(tdx::TdxEvidence::parse(body)?)),
        Platform::Snp => Ok(Arc::new(snp::SnpEvidence::parse(body)?)),
        Platform::Tpm => Ok(Arc::new(tpm::TpmEvidence::parse(body)?)),
        #[cfg(not(feature = "simulation"))]
        Platform::Software => Err(ParseError::NotBuiltIn(platform)),
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
