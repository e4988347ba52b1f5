//! What is to be served: decided by flags or by the provision file, before anything is read.

use std::collections::BTreeMap;

use strongroom_bundle::BundleDigest;
use strongroom_crypto::secret::KeyId;

use super::keys::KeyFolder;
use super::policy::VersionPolicy;
use crate::clients::Clients;

/// One model to serve.
#[derive(Debug, Clone)]
pub struct ModelPlan {
    /// Name that requests use.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// Who may predict with it.
    pub clients: Clients,
    /// Which of the versions that are there are served. Bundles are chosen by their digests instead.
    pub versions: VersionPolicy,
    /// Names that requests may use for a version.
    pub labels: BTreeMap<String, i64>,
}

/// Where a model comes from. An encrypted bundle is only ever opened by digest.
#[derive(Debug, Clone)]
pub enum Source {
    /// Unencrypted files. Does not exist in confidential mode.
    Plain {
        /// Path or URL of a model file, or of a folder of version folders.
        base: String,
    },
    /// Encrypted bundles.
    Bundles {
        /// Path or URL of one bundle, or of a folder or prefix of `*.bundle` objects.
        store: String,
        /// Digests that may be served; the first is version 1.
        digests: Vec<BundleDigest>,
        /// The key that must open them; `None` takes any that is there.
        key_id: Option<KeyId>,
        /// Where keys lie.
        keys: Option<KeyFolder>,
    },
}
