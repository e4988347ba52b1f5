//! A15: a new certificate at half the life of the old one, on a new connection, with new evidence and a new key.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use strongroom_api::marble::{MarbleClient, RenewRequest};
use strongroom_crypto::random::{Random, SystemRandom};
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::backoff::{Backoff, jitter};
use crate::caller::{Caller, Failure, Waiting, chain, is_transient, status_text, timed};
use crate::credentials::{Asked, Credentials, Returned};
use crate::error::{LaunchError, RENEWAL};
use crate::identity::ClientIdentity;
use crate::provision::Provisioner;

/// What the activation gave, for renewals to go on from.
#[derive(Debug)]
pub struct First {
    /// The certificate that is renewed.
    pub leaf: Certificate,
    /// The deployment that it belongs to.
    pub coordinator_root: Certificate,
}

/// Renews for as long as the coordinator agrees. Returns why it ended: the workload has to drain then.
pub async fn renew_while_allowed(
    caller: &Caller,
    provisioner: &Mutex<Provisioner>,
    first: &First,
) -> LaunchError {
    let mut leaf = first.leaf.clone();
    loop {
        let schedule = Schedule::of(&leaf, (caller.now)(), &SystemRandom);
        // The monotonic clock decides from here on: the host can set the other one.
        let started = Instant::now();
        tokio::time::sleep(schedule.renew_in).await;
        leaf = match renew(caller, provisioner, first, started + schedule.expires_in).await {
            Ok(renewed) => renewed,
            Err(ended) => return ended,
        };
    }
}

/// One renewal: attempts until it succeeds, is refused, or the certificate ends.
async fn renew(
    caller: &Caller,
    provisioner: &Mutex<Provisioner>,
    first: &First,
    expiry: Instant,
) -> Result<Certificate, LaunchError> {
    let mut backoff = Backoff::new();
    loop {
        match tokio::time::timeout_at(expiry, attempt(caller, provisioner, first)).await {
            Ok(Ok(leaf)) => {
                tracing::info!(not_after = %leaf.not_after(), "certificate renewed");
                return Ok(leaf);
            }
            Ok(Err(Failure::Final(refused @ LaunchError::Refused { .. }))) => return Err(refused),
            // Whoever else answers, or whatever fails here, is not the coordinator's refusal: somebody in the network
            // must not be able to end the program by answering in its place.
            Ok(Err(Failure::Final(error))) => {
                tracing::warn!(code = error.code(), error = chain(&error), "cannot renew yet");
            }
            Ok(Err(Failure::Wait(waiting))) => {
                tracing::warn!(whom = waiting.whom, what = waiting.what, "cannot renew yet");
            }
            Err(_) => return Err(LaunchError::Expired),
        }
        let pause = backoff.pause(PAUSE_MAX, &SystemRandom);
        if tokio::time::timeout_at(expiry, tokio::time::sleep(pause))
            .await
            .is_err()
        {
            return Err(LaunchError::Expired);
        }
    }
}

async fn attempt(
    caller: &Caller,
    provisioner: &Mutex<Provisioner>,
    first: &First,
) -> Result<Certificate, Failure> {
    let identity = ClientIdentity::create(&caller.names, (caller.now)(), &SystemRandom)?;
    let attested = caller.attest(&identity).await?;
    // The expectation names a program, and the same program may serve another deployment: an answer from there, be it a
    // certificate or a refusal, is none of the deployment that this workload's secrets came from.
    if attested
        .root
        .as_ref()
        .is_some_and(|root| *root != first.coordinator_root)
    {
        return Err(Failure::Wait(Waiting {
            whom: "the coordinator of this deployment",
            what: "another deployment's coordinator answers at its address".to_owned(),
            pause_max: PAUSE_MAX,
        }));
    }
    let request = RenewRequest {
        evidence: attested.evidence,
        csr: identity.request,
        marble_type: caller.marble_type.clone(),
        uuid: caller.uuid.clone(),
    };
    let mut client = MarbleClient::new(attested.connection);
    let answer = timed(client.renew(request)).await.map_err(refusal)?.into_inner();
    let returned = Returned {
        chain: &answer.certificate_chain,
        marble_root: &answer.marble_root,
        coordinator_root: &answer.coordinator_root,
    };
    let asked = Asked {
        marble_type: &caller.marble_type,
        uuid: &caller.uuid,
        verified_root: attested.root.as_ref(),
        now: (caller.now)(),
    };
    let credentials = Credentials::check(returned, identity.key, asked)?;
    provisioner
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .provide_identity(&credentials)?;
    Ok(credentials.leaf().clone())
}

/// Only that this workload may not be renewed is a refusal. A coordinator that restarts, waits to be recovered or fails
/// is as if it did not answer.
fn refusal(status: Status) -> Failure {
    let message = status_text(&status);
    if status.code() == Code::PermissionDenied && !is_transient(status.code(), &status) {
        return Failure::Final(LaunchError::Refused {
            what: RENEWAL,
            message,
        });
    }
    Failure::Wait(Waiting::unreachable(message))
}

/// When to renew, and until when.
#[derive(Debug, PartialEq, Eq)]
struct Schedule {
    renew_in: Duration,
    expires_in: Duration,
}

impl Schedule {
    fn of(leaf: &Certificate, now: UnixTime, random: &dyn Random) -> Self {
        Self::between(leaf.not_before(), leaf.not_after(), now, random)
    }

    fn between(not_before: UnixTime, not_after: UnixTime, now: UnixTime, random: &dyn Random) -> Self {
        let seconds =
            |from: UnixTime, to: UnixTime| Duration::from_secs(to.0.saturating_sub(from.0).min(FAR_SECONDS));
        let half_life = UnixTime(not_before.0 + not_after.0.saturating_sub(not_before.0) / 2);
        Self {
            renew_in: jitter(seconds(now, half_life), random).max(SOONEST),
            expires_in: seconds(now, not_after),
        }
    }
}

/// Two renewals never follow each other faster.
const SOONEST: Duration = Duration::from_secs(1);
/// MarbleRun's certificates outlive what clocks can count: after this long one looks again.
const FAR_SECONDS: u64 = 365 * 24 * 3600;
const PAUSE_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(not_before: u64, not_after: u64, now: u64) -> Schedule {
        Schedule::between(
            UnixTime(not_before),
            UnixTime(not_after),
            UnixTime(now),
            &SystemRandom,
        )
    }

    #[test]
    fn renews_around_half_life_and_knows_the_end() {
        let day = 24 * 3600;
        let fresh = schedule(1_000_000 - 300, 1_000_000 + day, 1_000_000);
        assert_eq!(fresh.expires_in, Duration::from_secs(day));
        let due = fresh.renew_in.as_secs();
        assert!((day * 3 / 8 - 300..=day * 5 / 8).contains(&due), "{due}");
    }

    #[test]
    fn a_late_start_renews_at_once_and_a_long_life_is_bounded() {
        assert_eq!(schedule(0, 100, 90).renew_in, SOONEST);
        assert_eq!(schedule(0, 100, 200).expires_in, Duration::ZERO);
        assert!(schedule(0, u64::MAX, 10).expires_in <= Duration::from_secs(FAR_SECONDS));
    }
}
