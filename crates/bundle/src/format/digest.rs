//! The bundle digest: what a manifest names, and all that a reader trusts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strongroom_crypto::digest::{Digest32, NotADigest};
use strongroom_crypto::encode::Encoder;
use strongroom_crypto::label;

use super::geometry::Geometry;
use super::header::Parameters;
use super::{SUITE, VERSION};

/// Digest of one bundle: of its layout, parameters, every stored chunk and the data key, but not of the wrapped keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BundleDigest(pub Digest32);

impl BundleDigest {
    /// The digest's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl From<Digest32> for BundleDigest {
    fn from(digest: Digest32) -> Self {
        Self(digest)
    }
}

impl fmt::Display for BundleDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for BundleDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BundleDigest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        text.parse().map(Self)
    }
}

/// The digest of a bundle with these parameters, sizes and tree.
pub(crate) fn bundle_digest(parameters: &Parameters, geometry: &Geometry, root: &Digest32) -> BundleDigest {
    BundleDigest(
        Encoder::new(label::BUNDLE_DIGEST)
            .u64(u64::from(VERSION))
            .u64(u64::from(SUITE))
            .u64(u64::from(parameters.chunk_bytes))
            .bytes(&parameters.salt)
            .u64(geometry.content_bytes)
            .u64(geometry.table_bytes)
            .bytes(root.as_bytes())
            .bytes(&parameters.key_commitment)
            .sha256(),
    )
}
