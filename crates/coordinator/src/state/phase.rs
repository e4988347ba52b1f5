//! The phases of a coordinator's life, each with what exists in it and nothing else.

use std::sync::Arc;

use strongroom_api::coordinator::phase as wire;

use super::deployment::{Deployment, Held, InForce, Leaves};
use crate::store::keyfile::KeyFile;

/// Where a coordinator stands. Only [`Phase::Running`] can activate.
#[derive(Debug)]
pub enum Phase {
    /// This machine's seal key does not open the state: a recovery secret is needed.
    Recovery(Sealed),
    /// The state is older than the platform's counter: it answers, and releases nothing.
    RolledBack(Opened),
    /// A deployment without a manifest.
    AwaitingManifest(Fresh),
    /// A manifest is in force.
    Running(Running),
}

/// A state that cannot be opened.
#[derive(Debug)]
pub struct Sealed {
    /// The key file, with the wrap that a recovery secret opens.
    pub keys: KeyFile,
}

/// A state that was opened and must not be used.
#[derive(Debug)]
pub struct Opened {
    /// The deployment as it was.
    pub deployment: Deployment,
    /// The manifest as it was.
    pub manifest: Option<Arc<InForce>>,
}

/// A deployment without a manifest.
#[derive(Debug)]
pub struct Fresh {
    /// The deployment.
    pub deployment: Deployment,
}

/// A deployment with a manifest.
#[derive(Debug)]
pub struct Running {
    /// The deployment.
    pub deployment: Deployment,
    /// The manifest in force.
    pub manifest: Arc<InForce>,
    /// Who may renew.
    pub leaves: Leaves,
}

/// A phase's name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseName {
    /// See [`Phase::Recovery`].
    Recovery,
    /// See [`Phase::RolledBack`].
    RolledBack,
    /// See [`Phase::AwaitingManifest`].
    AwaitingManifest,
    /// See [`Phase::Running`].
    Running,
}

impl Phase {
    /// The phase's name.
    pub const fn name(&self) -> PhaseName {
        match self {
            Self::Recovery(_) => PhaseName::Recovery,
            Self::RolledBack(_) => PhaseName::RolledBack,
            Self::AwaitingManifest(_) => PhaseName::AwaitingManifest,
            Self::Running(_) => PhaseName::Running,
        }
    }

    /// The deployment, where it is open.
    pub const fn deployment(&self) -> Option<&Deployment> {
        match self {
            Self::Recovery(_) => None,
            Self::RolledBack(opened) => Some(&opened.deployment),
            Self::AwaitingManifest(fresh) => Some(&fresh.deployment),
            Self::Running(running) => Some(&running.deployment),
        }
    }

    /// The manifest in force.
    pub const fn manifest(&self) -> Option<&Arc<InForce>> {
        match self {
            Self::Recovery(_) | Self::AwaitingManifest(_) => None,
            Self::RolledBack(opened) => opened.manifest.as_ref(),
            Self::Running(running) => Some(&running.manifest),
        }
    }

    /// Forgets guarded values that were written under another manifest than the one in force.
    ///
    /// Whoever holds the recovery secret can write a state of their own making around a guarded value that they cannot
    /// read; the value's own seal says under which manifest it was given, and it is given under no other.
    pub fn forget_guarded_of_others(&mut self) {
        let (deployment, in_force) = match self {
            Self::Recovery(_) => return,
            Self::RolledBack(Opened { deployment, manifest }) => {
                (deployment, manifest.as_ref().map(|manifest| manifest.digest()))
            }
            Self::AwaitingManifest(Fresh { deployment }) => (deployment, None),
            Self::Running(Running {
                deployment, manifest, ..
            }) => (deployment, Some(manifest.digest())),
        };
        let foreign = |held: &Held| held.guarded && Some(held.manifest) != in_force;
        if deployment.secrets.values().any(|held| foreign(held)) {
            Arc::make_mut(&mut deployment.secrets).retain(|_, held| !foreign(held));
        }
    }

    /// The same deployment, as one that was rolled back.
    #[must_use]
    pub fn rolled_back(self) -> Self {
        match self {
            Self::AwaitingManifest(Fresh { deployment }) => Self::RolledBack(Opened {
                deployment,
                manifest: None,
            }),
            Self::Running(Running {
                deployment, manifest, ..
            }) => Self::RolledBack(Opened {
                deployment,
                manifest: Some(manifest),
            }),
            other => other,
        }
    }
}

impl PhaseName {
    /// The name in `/api/v3` and in evidence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recovery => wire::RECOVERY,
            Self::RolledBack => wire::ROLLED_BACK,
            Self::AwaitingManifest => wire::AWAITING_MANIFEST,
            Self::Running => wire::RUNNING,
        }
    }
}

impl std::fmt::Display for PhaseName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
