//! Opening the state with a recovery secret: another machine, the same deployment, a new epoch.

use std::sync::Arc;

use strongroom_api::coordinator::log::Actor;
use strongroom_attest::reference::verify_against;
use strongroom_attest::{AttestationKey, Binding, Endorsements, ReferenceValues, Roots};
use strongroom_crypto::secret::GuardKey;
use strongroom_crypto::time::UnixTime;
use strongroom_manifest::Package;
use strongroom_ratls::enrolment::Shown;

use super::Job;
use super::core::{Core, Failed, Keys, counter_name};
use super::group::{Writer, send};
use super::open::{OpenError, open_state, read_log};
use crate::state::command::Recover;
use crate::state::persist::Guard;
use crate::state::{Command, Event, Phase, Refusal};
use crate::store::barrier::Barrier;
use crate::store::keyfile::KeyFile;

impl Writer {
    /// Carries out a recovery. `Err` ends the writer.
    pub(super) async fn recover(&mut self, job: Job) -> Result<(), Failed> {
        let Command::Recover(recover) = &job.request.command else {
            return Ok(());
        };
        let outcome = match &self.core.phase {
            Phase::Recovery(sealed) => {
                let file = sealed.keys.clone();
                self.core.open_recovered(&file, recover).await
            }
            other => Err(Refusal::Phase(other.name())),
        };
        match outcome {
            Ok(()) => {
                self.publish();
                send(job.reply, Ok(Arc::new(self.core.view())));
                Ok(())
            }
            // The state in memory may be ahead of what is stored: only a new start tells.
            Err(Refusal::Store) => {
                send(job.reply, Err(Refusal::Store));
                Err(Failed::Fatal)
            }
            Err(refusal) => {
                send(job.reply, Err(refusal));
                Ok(())
            }
        }
    }
}

impl Core {
    async fn open_recovered(&mut self, file: &KeyFile, recover: &Recover) -> Result<(), Refusal> {
        let random = self.tools.random.clone();
        let state_key = file.recover(&recover.secret).map_err(|error| match error {
            crate::store::keyfile::KeyFileError::NoRecovery => {
                Refusal::Recovery("the deployment has no recovery key")
            }
            _ => Refusal::Recovery("the recovery secret does not open the state"),
        })?;
        let barrier = Barrier::new(self.id, state_key, random.clone());
        let phase = self.load_recovered(&barrier).await.map_err(|error| {
            tracing::error!(
                code = "state.store",
                error = &error as &dyn std::error::Error,
                "the state cannot be opened"
            );
            Refusal::Recovery("the state that belongs to this recovery secret cannot be opened")
        })?;
        check_signature(&phase, recover)?;
        self.check_measurement(&phase).await?;
        let keys = Keys {
            barrier,
            guard: GuardKey::generate(&*random),
        };
        let counter = self
            .tools
            .attester
            .counter_read(&counter_name(&self.id))
            .await
            .map_err(|error| {
                tracing::error!(code = error.code(), %error, "the platform's counter cannot be read");
                Refusal::Recovery("the platform's counter cannot be read")
            })?;
        self.phase = begin_epoch(phase, &self.sealed_by, &self.measurement, counter)?;
        self.keys = Some(keys);
        self.temporary = None;
        let mut staged = self.staged();
        staged.key_file_after = Some(self.key_file().with_recovery_of(file));
        let deployment = self.phase.deployment().cloned().ok_or(Refusal::Store)?;
        let fact = self.fact(Actor::Anonymous, Event::Recovered(Box::new(deployment)));
        self.stage(&mut staged, &fact);
        self.flush(staged).await.map_err(|_| Refusal::Store)
    }

    async fn load_recovered(&self, barrier: &Barrier) -> Result<Phase, OpenError> {
        let loaded = self.tools.store.load().await?;
        let covered = loaded.snapshot.as_ref().map_or(0, |(head, _)| head.size);
        let log = read_log(&self.tools, self.id, covered).await?;
        open_state(barrier, Guard::Lost, &loaded, &log)
    }
}

impl Core {
    /// The manifest says which coordinators may take the state over; where it says nothing, only the same build.
    async fn check_measurement(&self, phase: &Phase) -> Result<(), Refusal> {
        let same = phase
            .deployment()
            .is_some_and(|deployment| deployment.measurement == self.measurement);
        let Some(manifest) = phase.manifest().filter(|_| !same) else {
            return if same {
                Ok(())
            } else {
                Err(Refusal::Recovery(OTHER_BUILD))
            };
        };
        let manifest = &manifest.manifest;
        let listed = manifest
            .coordinator()
            .packages
            .iter()
            .filter_map(|name| manifest.packages().get(name));
        let mut entries: Vec<_> = listed.flat_map(Package::reference_values).cloned().collect();
        // Our own evidence, bound to bytes of our own, seen by nobody else.
        let binding = Binding::User(self.id.to_vec());
        let evidence = self
            .tools
            .attester
            .evidence(&binding.report_data(), None)
            .await
            .map_err(|error| {
                tracing::error!(code = error.code(), %error, "no evidence of ourselves");
                Refusal::Recovery("the platform could not make evidence")
            })?;
        let now = (self.tools.clock)().unix();
        let mut endorsements = Endorsements::clone(&self.tools.endorsements);
        if let Some(deployment) = phase.deployment() {
            endorsements = endorsements.and(deployment.endorsed.endorsements());
        }
        // On a TPM nobody vouches for the key that quotes until it is enrolled: here by ourselves, for this one look.
        if let Some(key) = self.enrol_own_key(&entries, &endorsements, now).await {
            let known = entries.into_iter().map(|values| values.with_enrolled(&key));
            entries = known.collect();
        }
        let appraised = verify_against(&entries, &evidence, &endorsements, &binding, now);
        appraised.map(|_| ()).map_err(|error| {
            tracing::error!(code = error.code().as_str(), %error, "the manifest does not let this coordinator take over");
            Refusal::Recovery(OTHER_BUILD)
        })
    }
}

impl Core {
    async fn enrol_own_key(
        &self,
        entries: &[ReferenceValues],
        endorsements: &Endorsements,
        now: UnixTime,
    ) -> Option<AttestationKey> {
        let enrolment = self.tools.attester.enrolment()?;
        let roots = entries.iter();
        let roots = roots.fold(Roots::none(), |roots, values| roots.and(values.roots()));
        let enrolled = async {
            let keys = enrolment.request().await.map_err(|error| error.to_string())?;
            let shown = Shown {
                ek_public: keys.ek_public,
                ek_certificates: keys.ek_certificates,
                ak_public: keys.ak_public,
            };
            let challenged = shown.challenge(&roots, endorsements, now, &*self.tools.random);
            let challenged = challenged.map_err(|error| error.to_string())?;
            let secret = enrolment.activate(challenged.credential()).await;
            let secret = secret.map_err(|error| error.to_string())?;
            challenged.conclude(&secret).map_err(|error| error.to_string())
        };
        match enrolled.await {
            Ok(enrolled) => Some(enrolled.known_key()),
            Err(why) => {
                tracing::warn!(why, "our own attestation key cannot be enrolled");
                None
            }
        }
    }
}

const OTHER_BUILD: &str = "the manifest does not let this coordinator take over: its `Coordinator` section names the packages that may";

/// The secret alone opens the state, but only its holder's signature lets it go on.
fn check_signature(phase: &Phase, recover: &Recover) -> Result<(), Refusal> {
    let manifest = phase
        .manifest()
        .ok_or(Refusal::Recovery("the deployment has no recovery key"))?;
    let keys = manifest.manifest.recovery_keys();
    let signed = |key: &strongroom_manifest::RecoveryKey| {
        key.key
            .verify_pkcs1_sha256(recover.secret.expose(), &recover.signature)
            .is_ok()
    };
    if keys.values().any(signed) {
        Ok(())
    } else {
        Err(Refusal::Recovery(
            "no matching recovery public key found for recovery key",
        ))
    }
}

/// A new epoch on this machine. Its counter is another one: the state begins where that stands.
fn begin_epoch(
    phase: Phase,
    sealed_by: &crate::store::keyfile::SealedBy,
    measurement: &str,
    counter: u64,
) -> Result<Phase, Refusal> {
    let mut phase = phase;
    let deployment = match &mut phase {
        Phase::AwaitingManifest(fresh) => &mut fresh.deployment,
        Phase::Running(running) => &mut running.deployment,
        Phase::Recovery(_) | Phase::RolledBack(_) => return Err(Refusal::Store),
    };
    deployment.epoch += 1;
    deployment.counter = counter;
    deployment.sealed_by = sealed_by.clone();
    deployment.measurement = measurement.to_owned();
    Ok(phase)
}
