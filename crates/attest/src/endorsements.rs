//! What others sign about a platform: the roots that a verifier accepts, and the collateral that hangs on them.

use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::x509::Certificate;

use crate::platform::Platform;

/// Collateral that vendors sign: certificate chains, revocation lists, TCB information.
///
/// The software platform needs none, its evidence carries its one certificate. Platforms with collateral add their
/// parts here; evidence never names a place to fetch them from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endorsements {}

impl Endorsements {
    /// No collateral.
    #[must_use]
    pub const fn none() -> Self {
        Self {}
    }
}

/// The roots that a verifier accepts, each for one platform. The software platform has no default root.
#[derive(Debug, Clone, Default)]
pub struct Roots(Vec<(Platform, Certificate)>);

impl Roots {
    /// Accepts nothing yet.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Accepts `root` for evidence of `platform` as well.
    #[must_use]
    pub fn with(mut self, platform: Platform, root: Certificate) -> Self {
        if !self
            .0
            .iter()
            .any(|(known, other)| *known == platform && other.der() == root.der())
        {
            self.0.push((platform, root));
        }
        self
    }

    /// Accepts what `other` accepts as well. [`crate::ReferenceValues::appraise`] holds the root that was used
    /// against its own list again, so joining the roots of several packages lends none of them another's root.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        other.0.iter().fold(self, |roots, (platform, root)| {
            roots.with(*platform, root.clone())
        })
    }

    /// The roots accepted for `platform`.
    pub fn of(&self, platform: Platform) -> impl Iterator<Item = &Certificate> {
        self.0
            .iter()
            .filter(move |(of, _)| *of == platform)
            .map(|(_, root)| root)
    }
}

/// How a root is named in claims and reports: SHA-256 of its DER.
#[must_use]
pub fn root_id(root: &Certificate) -> Digest32 {
    sha256(root.der())
}
