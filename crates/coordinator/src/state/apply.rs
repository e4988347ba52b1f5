//! Event → state. May not fail: whatever could be refused was refused before.

use std::sync::Arc;

use strongroom_crypto::time::UnixTime;

use super::TIME_STEP_SECONDS_MAX;
use super::deployment::{Deployment, Held, Leaves};
use super::event::{Event, Fact, Issued};
use super::phase::{Fresh, Phase, Running};
use crate::endorsement::Endorsement;

impl Phase {
    /// The phase with which a deployment begins, or goes on after a recovery.
    pub fn begin(deployment: Deployment, manifest: Option<Arc<super::InForce>>, leaves: Leaves) -> Self {
        match manifest {
            None => Self::AwaitingManifest(Fresh { deployment }),
            Some(manifest) => Self::Running(Running {
                deployment,
                manifest,
                leaves,
            }),
        }
    }

    /// Makes `fact`, entry `sequence` of the log, part of the state.
    pub fn apply(&mut self, fact: &Fact, sequence: u64) {
        if let Event::ManifestSet { manifest, generated } = &fact.event {
            self.put_in_force(manifest, generated);
        }
        let deployment = match self {
            // Neither commits anything.
            Self::Recovery(_) | Self::RolledBack(_) => return,
            Self::AwaitingManifest(fresh) => &mut fresh.deployment,
            Self::Running(running) => {
                if let Event::Activated(issued) | Event::Renewed(issued) = &fact.event {
                    remember(&mut running.leaves, issued, fact);
                }
                &mut running.deployment
            }
        };
        deployment.apply(fact, sequence);
    }

    fn put_in_force(
        &mut self,
        manifest: &Arc<super::InForce>,
        generated: &std::collections::BTreeMap<
            strongroom_manifest::SecretName,
            Arc<strongroom_manifest::SecretValue>,
        >,
    ) {
        let Self::AwaitingManifest(Fresh { deployment }) = self else {
            return;
        };
        let mut deployment = deployment.clone();
        deployment.revision += 1;
        let held = |value: &Arc<strongroom_manifest::SecretValue>| {
            Arc::new(Held {
                value: value.clone(),
                guarded: false,
                manifest: manifest.digest(),
            })
        };
        let secrets = generated.iter().map(|(name, value)| (name.clone(), held(value)));
        deployment.secrets = Arc::new(secrets.collect());
        *self = Self::Running(Running {
            deployment,
            manifest: manifest.clone(),
            leaves: Leaves::default(),
        });
    }
}

impl Deployment {
    fn apply(&mut self, fact: &Fact, sequence: u64) {
        self.believe(UnixTime(fact.time_ms / 1000));
        if fact.event.is_update() {
            Arc::make_mut(&mut self.updates).push(sequence);
        }
        match &fact.event {
            Event::SecretSet {
                name,
                value,
                guarded,
                manifest,
                ..
            } => {
                let held = Held {
                    value: value.clone(),
                    guarded: *guarded,
                    manifest: *manifest,
                };
                Arc::make_mut(&mut self.secrets).insert(name.clone(), Arc::new(held));
            }
            Event::Activated(issued) => {
                *self
                    .activations
                    .entry(issued.marble_type.as_str().into())
                    .or_insert(0) += 1;
                // The platform signed this time: a step of the clock up to it is confirmed.
                self.newest_time = self.newest_time.max(UnixTime(issued.evidence_at));
            }
            Event::Renewed(issued) => self.newest_time = self.newest_time.max(UnixTime(issued.evidence_at)),
            Event::EndorsementAdded {
                endorsement,
                replaced,
                ..
            } => {
                // What is in the log was read before it was logged.
                if let Ok(endorsement) = Endorsement::read(endorsement.0.clone()) {
                    self.endorsed.add(endorsement, replaced);
                }
            }
            Event::Checkpoint { counter } => self.counter = *counter,
            Event::Founded(_)
            | Event::Recovered(_)
            | Event::ManifestSet { .. }
            | Event::Started { .. }
            | Event::SecretRead { .. }
            | Event::Refused { .. }
            | Event::RefusalsCounted { .. }
            | Event::ClockAhead { .. } => {}
        }
    }

    /// Our own clock moves the newest time forward in small steps only: one large step by the host would else hold up
    /// every later release.
    fn believe(&mut self, now: UnixTime) {
        if now.0.saturating_sub(self.newest_time.0) <= TIME_STEP_SECONDS_MAX {
            self.newest_time = self.newest_time.max(now);
        }
    }
}

fn remember(leaves: &mut Leaves, issued: &Issued, fact: &Fact) {
    let now = UnixTime(fact.time_ms / 1000);
    leaves.remember(&issued.uuid, &issued.marble_type, UnixTime(issued.not_after), now);
}
