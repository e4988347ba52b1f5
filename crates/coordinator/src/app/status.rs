//! How the coordinator stands. Anybody may ask.

use std::collections::BTreeMap;

use strongroom_api::coordinator::v3;

use super::Coordinator;
use crate::state::{PhaseName, Refusal};

/// A state as MarbleRun numbers and words it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberedState {
    /// 1 to 3.
    pub code: i64,
    /// The sentence for it.
    pub message: &'static str,
}

const RECOVERY: NumberedState = NumberedState {
    code: 1,
    message: "Coordinator is in recovery mode. Either upload a key to unseal the saved state, or set a new manifest. For more information on how to proceed, consult the documentation.",
};
/// Ours: MarbleRun does not notice a rollback. The number says that secrets are missing, the sentence why.
const ROLLED_BACK: NumberedState = NumberedState {
    code: 1,
    message: "Coordinator's state is older than its platform has seen (state.rolled_back). It releases nothing. Restore the newest state.",
};
const AWAITING_MANIFEST: NumberedState = NumberedState {
    code: 2,
    message: "Coordinator is ready to accept a manifest.",
};
const RUNNING: NumberedState = NumberedState {
    code: 3,
    message: "Coordinator is running correctly and ready to accept marbles.",
};

impl Coordinator {
    /// The state in MarbleRun's numbers and words.
    pub fn numbered_state(&self) -> NumberedState {
        match self.view().phase {
            PhaseName::Recovery => RECOVERY,
            PhaseName::RolledBack => ROLLED_BACK,
            PhaseName::AwaitingManifest => AWAITING_MANIFEST,
            PhaseName::Running => RUNNING,
        }
    }

    /// Everything that anybody may know.
    pub fn status(&self) -> v3::Status {
        let view = self.view();
        let held = view
            .check_time(self.now())
            .err()
            .as_ref()
            .map(|refusal| Refusal::code(refusal).to_owned());
        let secrets = match (&view.deployment, &view.manifest) {
            (Some(deployment), Some(manifest)) => {
                let declared = manifest.manifest.secrets().iter();
                let status = declared.map(|(name, declared)| {
                    // A secret that is made for each marble always has its value.
                    let made = !declared.user_defined && !declared.shared;
                    let set = made || deployment.secret(name).is_some();
                    (
                        name.to_string(),
                        v3::SecretStatus {
                            set,
                            guarded: manifest.manifest.is_guarded(name),
                        },
                    )
                });
                status.collect()
            }
            _ => BTreeMap::new(),
        };
        v3::Status {
            phase: view.phase.as_str().to_owned(),
            simulated: view.sealed_by.simulated,
            platform: view.sealed_by.platform.clone(),
            manifest_digest: view.manifest.as_ref().map(|manifest| manifest.digest_hex()),
            revision: view
                .deployment
                .as_ref()
                .map_or(0, |deployment| deployment.revision),
            marble_root: view.authority.marble_root().to_pem(),
            root: view.authority.root().to_pem(),
            secrets,
            log_head: view.wire_head(),
            held,
        }
    }
}
