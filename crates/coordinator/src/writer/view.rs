//! What readers see: the state at one commit.

use std::sync::Arc;

use strongroom_api::coordinator::bytes::{Base64, Hex32};
use strongroom_api::coordinator::log::{Checkpoint, Head};
use strongroom_crypto::chain::{LogHead, sign_checkpoint};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::time::UnixTime;

use crate::pki::Authority;
use crate::state::{Deployment, InForce, Now, PhaseName, Refusal};
use crate::store::barrier::DeploymentId;
use crate::store::keyfile::SealedBy;

/// The state at one commit. Never changes.
#[derive(Debug)]
pub struct View {
    /// The phase.
    pub phase: PhaseName,
    /// The deployment's id.
    pub id: DeploymentId,
    /// The platform.
    pub sealed_by: SealedBy,
    /// Keys and certificates; temporary ones in recovery.
    pub authority: Arc<Authority>,
    /// The deployment, where it is open.
    pub deployment: Option<Deployment>,
    /// The manifest in force.
    pub manifest: Option<Arc<InForce>>,
    /// Where the log stands.
    pub head: LogHead,
    /// The newest checkpoint.
    pub checkpoint: Option<Arc<Checkpoint>>,
}

impl View {
    /// Deployment and manifest of a running coordinator.
    ///
    /// # Errors
    /// [`Refusal::Phase`], [`Refusal::RolledBack`].
    pub fn running(&self) -> Result<(&Deployment, &Arc<InForce>), Refusal> {
        match (self.phase, &self.deployment, &self.manifest) {
            (PhaseName::Running, Some(deployment), Some(manifest)) => Ok((deployment, manifest)),
            (PhaseName::RolledBack, ..) => Err(Refusal::RolledBack),
            (phase, ..) => Err(Refusal::Phase(phase)),
        }
    }

    /// Refuses while the clock is behind the state.
    ///
    /// # Errors
    /// [`Refusal::TimeBehind`].
    pub fn check_time(&self, now: Now) -> Result<(), Refusal> {
        self.deployment
            .as_ref()
            .map_or(Ok(()), |deployment| crate::state::check_time(deployment, now))
    }

    /// SHA-256 of the manifest in force.
    pub fn manifest_digest(&self) -> Option<Digest32> {
        self.manifest.as_ref().map(|manifest| manifest.digest())
    }

    /// The head as the wire has it.
    pub fn wire_head(&self) -> Head {
        wire_head(&self.head)
    }
}

/// A head as the wire has it.
pub fn wire_head(head: &LogHead) -> Head {
    Head {
        epoch: head.epoch,
        size: head.size,
        hash: Hex32(*head.hash.as_bytes()),
    }
}

/// Signs where the log stands.
pub fn checkpoint(authority: &Authority, id: &DeploymentId, head: &LogHead, now: UnixTime) -> Checkpoint {
    Checkpoint {
        head: wire_head(head),
        time: now.0,
        signature: Base64(sign_checkpoint(&authority.log_key, id, head, now)),
        certificate: Base64(authority.log_certificate.der().to_vec()),
    }
}
