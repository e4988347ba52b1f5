//! Putting the first manifest in force. Anybody may, as in MarbleRun: what is in force is what owners and users verify.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_api::coordinator::log::Actor;
use strongroom_api::coordinator::problem::Code;
use strongroom_crypto::secret::RecoverySecret;
use strongroom_manifest::{Manifest, MarbleType, SealMode, Stage};

use super::generate::Maker;
use super::{Coordinator, Failure, blocking};
use crate::state::command::{SetManifest, in_force};
use crate::state::{Command, PhaseName, Refusal};
use crate::writer::View;

/// Recovery key name → the recovery secret, encrypted to it.
pub type RecoverySecrets = BTreeMap<String, Vec<u8>>;

/// UUID for which the secrets of marbles are made once, so that what cannot be made is found now.
const TRIAL_UUID: &str = "00000000-0000-0000-0000-000000000000";

impl Coordinator {
    /// Puts `raw` in force and returns what the holders of recovery keys have to keep.
    ///
    /// # Errors
    /// [`Failure`]; then nothing changed.
    pub async fn set_manifest(self: &Arc<Self>, raw: Vec<u8>) -> Result<RecoverySecrets, Failure> {
        let view = self.view();
        match view.phase {
            PhaseName::AwaitingManifest => {}
            PhaseName::RolledBack => return Err(Refusal::RolledBack.into()),
            PhaseName::Recovery | PhaseName::Running => return Err(Failure::wrong_state()),
        }
        let this = self.clone();
        let (set, secrets) = blocking(move || this.prepare(&view, &raw)).await??;
        let digest = set.manifest.digest();
        self.writer
            .submit(Actor::Anonymous, Command::SetManifest(Box::new(set)))
            .await?;
        tracing::info!(manifest = %digest, "manifest set");
        Ok(secrets)
    }

    fn prepare(&self, view: &View, raw: &[u8]) -> Result<(SetManifest, RecoverySecrets), Failure> {
        let deployment = view.deployment.as_ref().ok_or_else(Failure::wrong_state)?;
        let manifest = Manifest::parse(raw).map_err(|errors| {
            let prefix = match errors.stage() {
                Stage::Decode => "unmarshaling manifest",
                Stage::Check => "checking manifest",
            };
            invalid(format!("{prefix}: {errors}"))
        })?;
        check_supported(&manifest)?;
        let maker = Maker {
            authority: &deployment.authority,
            root_secret: &deployment.root_secret,
            random: &*self.random,
            now: self.now().unix(),
        };
        let generated = maker
            .shared(&manifest)
            .map_err(|error| invalid(format!("generating secrets from manifest: {error}")))?;
        for marble in manifest.marbles().keys() {
            try_out(&maker, &manifest, marble)?;
        }
        let (recovery, secrets) = self.recovery(&manifest)?;
        let signature = deployment.authority.sign_manifest(raw);
        let manifest = in_force(manifest, signature);
        Ok((
            SetManifest {
                manifest,
                generated,
                recovery,
            },
            secrets,
        ))
    }

    fn recovery(&self, manifest: &Manifest) -> Result<(Option<RecoverySecret>, RecoverySecrets), Failure> {
        let Some((name, key)) = manifest.recovery_keys().first_key_value() else {
            return Ok((None, RecoverySecrets::new()));
        };
        let secret = RecoverySecret::generate(&*self.random);
        let sealed = key
            .key
            .encrypt_oaep_sha256(secret.expose())
            .map_err(|error| invalid(format!("generating recovery encryption key: {error}")))?;
        Ok((Some(secret), RecoverySecrets::from([(name.clone(), sealed)])))
    }
}

fn try_out(maker: &Maker<'_>, manifest: &Manifest, marble: &MarbleType) -> Result<(), Failure> {
    maker
        .per_marble(manifest, marble, TRIAL_UUID)
        .map(|_| ())
        .map_err(|error| invalid(format!("generating placeholder secrets from manifest: {error}")))
}

/// What the language knows and this version does not do yet is refused, not left out.
fn check_supported(manifest: &Manifest) -> Result<(), Failure> {
    let later = |what: &str| {
        Err(invalid(format!(
            "checking manifest: {what} comes with a later version"
        )))
    };
    if manifest.recovery_keys().len() > 1 {
        return later("recovery with more than one key");
    }
    if manifest.config().seal_mode == SealMode::Disabled {
        return later("SealMode Disabled");
    }
    Ok(())
}

fn invalid(message: String) -> Failure {
    Failure::server(Code::ManifestInvalid, message)
}
