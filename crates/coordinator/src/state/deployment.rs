//! The state of one deployment. Cheap to clone: what is large is shared.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_api::coordinator::bytes::Hex32;
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::secret::RootSecret;
use strongroom_crypto::time::UnixTime;
use strongroom_manifest::{Manifest, MarbleType, SecretName, SecretValue};

use super::endorsed::Endorsed;
use crate::pki::Authority;
use crate::store::barrier::DeploymentId;
use crate::store::keyfile::SealedBy;

/// A deployment, from its first start on.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Its name, never reused.
    pub id: DeploymentId,
    /// The platform that it lives on. One that is SIMULATED stays so, one that is not never becomes it.
    pub sealed_by: SealedBy,
    /// Measurement of the coordinator that has this state, in hex.
    pub measurement: String,
    /// Rises with each recovery.
    pub epoch: u64,
    /// Rises with each manifest; 0 before the first.
    pub revision: u64,
    /// Keys and certificates.
    pub authority: Arc<Authority>,
    /// What per-marble secrets are derived from.
    pub root_secret: Arc<RootSecret>,
    /// Values of shared and user-defined secrets.
    pub secrets: Arc<BTreeMap<SecretName, Arc<Held>>>,
    /// Activations so far.
    pub activations: BTreeMap<MarbleType, u64>,
    /// Value that the platform's monotonic counter has, or is about to get.
    pub counter: u64,
    /// The newest time that is believed.
    pub newest_time: UnixTime,
    /// What vendors sign about platforms, as users brought it.
    pub endorsed: Endorsed,
    /// Sequence numbers of the entries that MarbleRun's update log shows.
    pub updates: Arc<Vec<u64>>,
}

/// The value of a secret, and where it came from.
#[derive(Debug)]
pub struct Held {
    /// The value.
    pub value: Arc<SecretValue>,
    /// Under the guard key: no recovery brings it back.
    pub guarded: bool,
    /// The manifest under which it was written.
    pub manifest: Digest32,
}

/// The manifest in force.
#[derive(Debug)]
pub struct InForce {
    /// The manifest.
    pub manifest: Manifest,
    /// The root key's signature over it, MarbleRun's form.
    pub signature: Vec<u8>,
}

/// Certificates that are valid now, by UUID and type: who may renew. Certificates that ended are forgotten, so this is bounded by
/// the activations of one certificate's lifetime.
#[derive(Clone, Debug, Default)]
pub struct Leaves(pub BTreeMap<String, LeafHeld>);

/// UUIDs are hexadecimal digits and hyphens, so the two parts cannot run into each other.
fn leaf_name(uuid: &str, marble_type: &str) -> String {
    format!("{uuid} {marble_type}")
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeafHeld {
    /// Its last second.
    pub not_after: u64,
}

impl InForce {
    /// SHA-256 of the manifest.
    pub fn digest(&self) -> Digest32 {
        self.manifest.digest()
    }

    /// The same, as the wire has it.
    pub fn digest_hex(&self) -> Hex32 {
        Hex32(*self.digest().as_bytes())
    }
}

impl Deployment {
    /// The value of a shared or user-defined secret, if it has one.
    pub fn secret(&self, name: &SecretName) -> Option<&Arc<Held>> {
        self.secrets.get(name)
    }

    /// Activations of a type so far.
    pub fn activations_of(&self, marble_type: &MarbleType) -> u64 {
        self.activations.get(marble_type).copied().unwrap_or(0)
    }
}

impl Leaves {
    /// Remembers a certificate, and forgets those that ended before `now`.
    pub fn remember(&mut self, uuid: &str, marble_type: &str, not_after: UnixTime, now: UnixTime) {
        // Forgetting looks at all of them, so it is done now and then only.
        if self.0.len() >= FORGET_AT && self.0.len().is_power_of_two() {
            self.0.retain(|_, held| held.not_after >= now.0);
        }
        self.0.insert(
            leaf_name(uuid, marble_type),
            LeafHeld {
                not_after: not_after.0,
            },
        );
    }

    /// Whether a marble of this type holds a certificate that is valid at `now`.
    pub fn valid(&self, uuid: &str, marble_type: &MarbleType, now: UnixTime) -> bool {
        let held = self.0.get(&leaf_name(uuid, marble_type.as_str()));
        held.is_some_and(|held| held.not_after >= now.0)
    }
}

const FORGET_AT: usize = 1024;
