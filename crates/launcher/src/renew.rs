//! A15: a new certificate at half the life of the old one, on a new connection, with new evidence and a new key.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use strongroom_api::marble::{MarbleClient, RenewRequest};
use strongroom_crypto::random::{Random, SystemRandom};
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
use tokio::time::Instant;
use tonic::Status;

use crate::backoff::{Backoff, jitter};
use crate::caller::{Caller, Failure, Waiting, is_transient, status_text, timed};
use crate::credentials::{Asked, Credentials, Returned};
use crate::error::{LaunchError, RENEWAL};
use crate::identity::ClientIdentity;
use crate::provision::Provisioner;

/// Renews for as long as the coordinator agrees. Returns why it ended: the workload has to drain then.
pub async fn renew_while_allowed(
    caller: &Caller,
    provisioner: &Arc<Mutex<Provisioner>>,
    first: &Certificate,
) -> LaunchError {
    let mut leaf = first.clone();
    loop {
        let schedule = Schedule::of(&leaf, (caller.now)(), &SystemRandom);
        // The monotonic clock decides from here on: the host can set the other one.
        let started = Instant::now();
        tokio::time::sleep(schedule.renew_in).await;
        leaf = match renew(caller, provisioner, started + schedule.expires_in).await {
            Ok(renewed) => renewed,
            Err(ended) => return ended,
        };
    }
}

/// One renewal: attempts until it succeeds, is refused, or the certificate ends.
async fn renew(
    caller: &Caller,
    provisioner: &Arc<Mutex<Provisioner>>,
    expiry: Instant,
) -> Result<Certificate, LaunchError> {
    let mut backoff = Backoff::new();
    loop {
        match tokio::time::timeout_at(expiry, attempt(caller)).await {
            Ok(Ok(credentials)) => {
                provisioner
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .provide_identity(&credentials)?;
                tracing::info!(not_after = %credentials.leaf().not_after(), "certificate renewed");
                return Ok(credentials.leaf().clone());
            }
            Ok(Err(Failure::Final(error))) if !is_platform_trouble(&error) => return Err(error),
            Ok(Err(Failure::Final(error))) => tracing::warn!(error = error.to_string(), "cannot renew yet"),
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

async fn attempt(caller: &Caller) -> Result<Credentials, Failure> {
    let identity = ClientIdentity::create(&caller.names, (caller.now)(), &SystemRandom)?;
    let attested = caller.attest(&identity).await?;
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
    Ok(Credentials::check(returned, identity.key, asked)?)
}

fn refusal(status: Status) -> Failure {
    let message = status_text(&status);
    // A coordinator that restarts, or waits to be recovered, has not refused: that it answers so is as if it did not.
    if is_transient(status.code(), &status) || status.code() == tonic::Code::FailedPrecondition {
        return Failure::Wait(Waiting::unreachable(message));
    }
    Failure::Final(LaunchError::Refused {
        what: RENEWAL,
        message,
    })
}

/// The own platform not answering is nobody's refusal.
fn is_platform_trouble(error: &LaunchError) -> bool {
    matches!(error, LaunchError::Attester(_))
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
