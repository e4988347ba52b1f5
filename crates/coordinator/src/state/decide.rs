//! Phase × command → events, or why not. Changes nothing.

use std::sync::Arc;

use strongroom_api::coordinator::bytes::Base64;
use strongroom_attest::{Claims, Platform};
use strongroom_crypto::time::UnixTime;
use strongroom_manifest::{AttestationResult, MarbleType, SecretName, SecretValue};

use super::command::{Activate, AddEndorsement, Command, Renew, WriteSecrets};
use super::deployment::Deployment;
use super::event::{Event, Issued, kind_name};
use super::phase::{Fresh, Phase, Running};
use super::refusal::Refusal;
use super::{TIME_STEP_SECONDS_MAX, TIME_TOLERANCE_SECONDS};

/// The time by our clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970.
    pub ms: u64,
}

impl Now {
    /// Whole seconds since 1970.
    pub const fn unix(self) -> UnixTime {
        UnixTime(self.ms / 1000)
    }
}

/// Decides on a command.
///
/// # Errors
/// [`Refusal`]; then nothing happens.
pub fn decide(phase: &Phase, command: &Command, now: Now) -> Result<Vec<Event>, Refusal> {
    match phase {
        Phase::Recovery(_) => Err(Refusal::Phase(phase.name())),
        Phase::RolledBack(_) => Err(Refusal::RolledBack),
        Phase::AwaitingManifest(fresh) => decide_fresh(fresh, command, now),
        Phase::Running(running) => decide_running(running, command, now),
    }
}

fn decide_fresh(fresh: &Fresh, command: &Command, now: Now) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::SetManifest(set) => {
            // The recovery secrets are released with the answer.
            check_time(&fresh.deployment, now)?;
            Ok(vec![Event::ManifestSet {
                manifest: set.manifest.clone(),
                generated: set.generated.clone(),
            }])
        }
        other => decide_always(&fresh.deployment, other, now)
            .unwrap_or(Err(Refusal::Phase(super::PhaseName::AwaitingManifest))),
    }
}

fn decide_running(running: &Running, command: &Command, now: Now) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::WriteSecrets(write) => write_secrets(running, write),
        Command::ReadSecrets { revision, names } => {
            check_time(&running.deployment, now)?;
            check_revision(running, *revision)?;
            Ok(names
                .iter()
                .map(|name| Event::SecretRead {
                    secret: name.to_string(),
                })
                .collect())
        }
        Command::AddEndorsement(add) => add_endorsement(running, add, now),
        Command::Activate(activate) => decide_activation(running, activate, now),
        Command::Renew(renew) => decide_renewal(running, renew, now),
        other => decide_always(&running.deployment, other, now)
            .unwrap_or(Err(Refusal::Phase(super::PhaseName::Running))),
    }
}

/// Commands that every open deployment takes.
fn decide_always(
    deployment: &Deployment,
    command: &Command,
    now: Now,
) -> Option<Result<Vec<Event>, Refusal>> {
    match command {
        Command::Start { version } => {
            let mut events = vec![Event::Started {
                version: version.clone(),
            }];
            let ahead = now.unix().0.saturating_sub(deployment.newest_time.0);
            if ahead > TIME_STEP_SECONDS_MAX {
                events.push(Event::ClockAhead { seconds: ahead });
            }
            Some(Ok(events))
        }
        Command::Refused { action, code } => Some(Ok(vec![Event::Refused {
            action: (*action).to_owned(),
            code: code.clone(),
        }])),
        Command::CountRefusals { since_ms, counts } => {
            let counts = counts
                .iter()
                .map(|(code, count)| ((*code).to_owned(), *count))
                .collect();
            Some(Ok(vec![Event::RefusalsCounted {
                since_ms: *since_ms,
                counts,
            }]))
        }
        _ => None,
    }
}

fn write_secrets(running: &Running, write: &WriteSecrets) -> Result<Vec<Event>, Refusal> {
    let manifest = &running.manifest;
    if write
        .manifest
        .is_some_and(|verified| verified != manifest.digest())
    {
        return Err(Refusal::ManifestChanged);
    }
    check_revision(running, write.revision)?;
    let event = |(name, value): (&SecretName, &Arc<SecretValue>)| {
        let declared = manifest.manifest.secrets().get(name).ok_or(Refusal::Stale)?;
        Ok(Event::SecretSet {
            name: name.clone(),
            value: value.clone(),
            guarded: manifest.manifest.is_guarded(name),
            manifest: manifest.digest(),
            kind: kind_name(&declared.kind).to_owned(),
        })
    };
    write.values.iter().map(event).collect()
}

fn add_endorsement(running: &Running, add: &AddEndorsement, now: Now) -> Result<Vec<Event>, Refusal> {
    check_revision(running, add.revision)?;
    let endorsement = &add.endorsement;
    let endorsed = &running.deployment.endorsed;
    if endorsed.files().contains_key(&endorsement.digest()) {
        return Ok(Vec::new());
    }
    let replaced = endorsed.admit(endorsement, now.unix())?;
    Ok(vec![Event::EndorsementAdded {
        endorsement: Base64(endorsement.bytes().to_vec()),
        replaced,
        kind: endorsement.kind().as_str().to_owned(),
        digest: endorsement.digest(),
    }])
}

// A12: the grant holds for the manifest under which it was given, and for no other.
fn decide_activation(running: &Running, activate: &Activate, now: Now) -> Result<Vec<Event>, Refusal> {
    check_time(&running.deployment, now)?;
    check_revision(running, activate.grant.revision())?;
    let marble_type = activate.grant.marble();
    let manifest = &running.manifest.manifest;
    let max = manifest
        .marbles()
        .get(marble_type)
        .map_or(0, |marble| marble.max_activations);
    if max != 0 && running.deployment.activations_of(marble_type) >= max {
        return Err(Refusal::MaxActivations {
            marble_type: marble_type.to_string(),
            max,
        });
    }
    check_secrets(running, marble_type)?;
    let (uuid, certificate) = (&activate.uuid, activate.certificate.to_string());
    let issued = issued(
        running,
        activate.grant.result(),
        marble_type,
        uuid,
        certificate,
        activate.not_after,
    );
    Ok(vec![Event::Activated(issued)])
}

fn decide_renewal(running: &Running, renew: &Renew, now: Now) -> Result<Vec<Event>, Refusal> {
    check_time(&running.deployment, now)?;
    check_revision(running, renew.grant.revision())?;
    let marble_type = renew.grant.marble();
    if !running.leaves.valid(&renew.uuid, marble_type, now.unix()) {
        return Err(Refusal::NotActivated {
            uuid: renew.uuid.clone(),
            marble_type: marble_type.to_string(),
        });
    }
    let (uuid, certificate) = (&renew.uuid, renew.certificate.to_string());
    let issued = issued(
        running,
        renew.grant.result(),
        marble_type,
        uuid,
        certificate,
        renew.not_after,
    );
    Ok(vec![Event::Renewed(issued)])
}

/// Every user-defined or shared secret that a marble needs has a value.
pub(crate) fn check_secrets(running: &Running, marble_type: &MarbleType) -> Result<(), Refusal> {
    first_unset(&running.deployment, &running.manifest, marble_type)
        .map_or(Ok(()), |name| Err(Refusal::SecretUnset(name)))
}

/// The first secret that a marble needs and that has no value. Per-marble secrets are made when it activates.
pub fn first_unset(
    deployment: &Deployment,
    manifest: &super::InForce,
    marble_type: &MarbleType,
) -> Option<SecretName> {
    let declared = manifest.manifest.secrets();
    manifest
        .manifest
        .secrets_needed(marble_type.as_str())
        .into_iter()
        .find(|name| {
            let stored = declared
                .get(name)
                .is_some_and(|secret| secret.user_defined || secret.shared);
            stored && deployment.secret(name).is_none()
        })
}

fn check_revision(running: &Running, revision: u64) -> Result<(), Refusal> {
    if revision == running.deployment.revision {
        Ok(())
    } else {
        Err(Refusal::Stale)
    }
}

/// The host sets the clock: behind what the state has seen, nothing is released.
pub(crate) fn check_time(deployment: &Deployment, now: Now) -> Result<(), Refusal> {
    let behind_seconds = deployment.newest_time.0.saturating_sub(now.unix().0);
    if behind_seconds > TIME_TOLERANCE_SECONDS {
        Err(Refusal::TimeBehind { behind_seconds })
    } else {
        Ok(())
    }
}

/// The newest time that somebody else than us signed. A TPM signs none: what its evidence shows is the certificate that
/// this coordinator issued by its own clock, which confirms nothing.
fn signed_time(claims: &Claims) -> UnixTime {
    match claims.platform() {
        Platform::Tpm => UnixTime(0),
        _ => claims.issued_at(),
    }
}

fn issued(
    running: &Running,
    result: &AttestationResult,
    marble_type: &MarbleType,
    uuid: &str,
    certificate: String,
    not_after: UnixTime,
) -> Issued {
    let claims = result.claims();
    Issued {
        marble_type: marble_type.to_string(),
        uuid: uuid.to_owned(),
        package: result.package().to_string(),
        platform: claims.platform().name().to_owned(),
        measurement: claims.measurement().to_string(),
        workload: claims.workload().map(|digest| digest.to_string()),
        manifest: running.manifest.digest().to_string(),
        certificate,
        not_after: not_after.0,
        evidence_at: signed_time(claims).0,
    }
}
