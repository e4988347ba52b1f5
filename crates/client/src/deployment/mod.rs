//! Verifying a coordinator. Each kind of trust in one is a type of its own, and verifying is the only way to it:
//!
//! ```text
//! Coordinator ─ verify(policy) ───────────► TrustedCoordinator     takes secrets, gives the report and the trust file
//!             ─ verify_awaiting_manifest ─► EmptyCoordinator       takes a manifest, nothing else
//!             ─ verify_for_recovery ──────► RecoveringCoordinator  takes a recovery secret, nothing else
//!             ─ pinned(trust file) ───────► PinnedCoordinator      is read from
//!             ─ look ─────────────────────► Unverified             is believed nothing
//! ```
//!
//! The evidence is asked for on one TLS 1.3 connection with a nonce of our own, and bound to that connection's exporter;
//! everything that follows travels on that same connection (`docs/flows/activation.md`, A17).

mod attested;
mod enrolled;
mod pinned;
mod trusted;
mod unverified;

use strongroom_attest::{ClientPolicy, CoordinatorExpectation, Endorsements};
use strongroom_crypto::random::Random;
use strongroom_crypto::time::UnixTime;
use strongroom_ratls::{Alpn, Identity, Target, danger};

pub use self::attested::{EmptyCoordinator, ManifestSet, RecoveringCoordinator, Recovery};
pub use self::pinned::PinnedCoordinator;
pub use self::trusted::TrustedCoordinator;
pub use self::unverified::Unverified;
use crate::error::Error;
use crate::rest::Rest;
use crate::trust::Trust;
use crate::users::UserIdentity;

/// The port that a coordinator's clients use unless an address says otherwise (MarbleRun's).
pub const CLIENT_PORT: u16 = 4433;

/// What the caller brings to every verification: the clock, randomness for nonces, and who asks.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// This machine's clock.
    pub now: UnixTime,
    /// Where nonces come from.
    pub random: &'a dyn Random,
    /// The user of the manifest who asks; without one, only what everybody may do is possible.
    pub identity: Option<&'a UserIdentity>,
    /// What vendors sign about platforms, beside what comes with the evidence ([`crate::endorsements`]).
    pub endorsements: &'a Endorsements,
}

impl std::fmt::Debug for Caller<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = self
            .identity
            .and_then(|identity| identity.certificate().subject_cn());
        f.debug_struct("Caller")
            .field("now", &self.now)
            .field("user", &user)
            .finish_non_exhaustive()
    }
}

/// What an earlier verification says about this one.
#[derive(Debug, Clone, Copy)]
pub enum Pin<'a> {
    /// There was none.
    First,
    /// The deployment has to be the same, and its log has to continue.
    Hold(&'a Trust),
    /// The deployment may have changed; what did is told. The log of the same coordinator has to continue all the same.
    AcceptChanges(&'a Trust),
}

/// A coordinator's address. Nothing is known of who answers there.
#[derive(Debug, Clone)]
pub struct Coordinator {
    address: String,
}

impl Coordinator {
    /// The coordinator at `host:port`; without a port at [`CLIENT_PORT`].
    ///
    /// # Errors
    /// [`Error::Connect`] where this is no address.
    pub fn at(address: &str) -> Result<Self, Error> {
        let coordinator = Self {
            address: with_port(address, CLIENT_PORT),
        };
        Target::new(&coordinator.address, Alpn::Any)?;
        Ok(coordinator)
    }

    /// The address, with a port.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Verifies that a coordinator runs as the policy expects and enforces a manifest that the policy accepts; with a
    /// trust file also that nothing changed and that its log continues.
    ///
    /// # Errors
    /// [`Error::Evidence`] with every check; [`Error::RolledBack`], [`Error::Phase`], [`Error::Changed`],
    /// [`Error::Log`], [`Error::ManifestSubstituted`], [`Error::RoleUnlisted`], and what connections can fail with.
    pub async fn verify(
        &self,
        policy: &ClientPolicy,
        pin: Pin<'_>,
        caller: &Caller<'_>,
    ) -> Result<TrustedCoordinator, Error> {
        let attested = attested::attest(self, policy.coordinator(), caller).await?;
        trusted::verify(attested, policy, pin, caller).await
    }

    /// Verifies a coordinator that has no manifest yet.
    ///
    /// # Errors
    /// As [`Self::verify`], as far as it applies.
    pub async fn verify_awaiting_manifest(
        &self,
        expectation: &CoordinatorExpectation,
        caller: &Caller<'_>,
    ) -> Result<EmptyCoordinator, Error> {
        EmptyCoordinator::of(attested::attest(self, expectation, caller).await?)
    }

    /// Verifies, by measurement, a coordinator that needs a recovery. Its root is a temporary one, so no trust file can
    /// say anything about it.
    ///
    /// # Errors
    /// As [`Self::verify`], as far as it applies.
    pub async fn verify_for_recovery(
        &self,
        expectation: &CoordinatorExpectation,
        caller: &Caller<'_>,
    ) -> Result<RecoveringCoordinator, Error> {
        RecoveringCoordinator::of(attested::attest(self, expectation, caller).await?)
    }

    /// Connects to the coordinator whose root the trust file holds, for reading.
    ///
    /// # Errors
    /// [`Error::Connect`], also where somebody else answers.
    pub async fn pinned(&self, trust: &Trust, caller: &Caller<'_>) -> Result<PinnedCoordinator, Error> {
        pinned::connect(self, trust, caller).await
    }

    /// Connects to whoever answers. Nothing it says is proven.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub async fn look(&self, caller: &Caller<'_>) -> Result<Unverified, Error> {
        Ok(Unverified::new(self.connect(caller).await?))
    }

    fn target(&self, caller: &Caller<'_>) -> Result<Target, Error> {
        target(&self.address, Alpn::Any, caller.identity)
    }

    async fn connect(&self, caller: &Caller<'_>) -> Result<Rest, Error> {
        let session = danger::connect_unverified(&self.target(caller)?).await?;
        self.speak(session).await
    }

    async fn speak(&self, session: strongroom_ratls::Session) -> Result<Rest, Error> {
        open(format!("the coordinator at {}", self.address), session).await
    }
}

pub(crate) fn target(address: &str, alpn: Alpn, identity: Option<&UserIdentity>) -> Result<Target, Error> {
    let target = Target::new(address, alpn)?;
    Ok(match identity {
        None => target,
        Some(user) => {
            let chain = std::slice::from_ref(user.certificate());
            let identity = Identity::new(chain, user.key()).map_err(strongroom_ratls::ConnectError::from)?;
            target.presenting(identity)
        }
    })
}

pub(crate) async fn open(peer: String, session: strongroom_ratls::Session) -> Result<Rest, Error> {
    match strongroom_ratls::channel::HttpConnection::open(session).await {
        Ok(connection) => Ok(Rest::new(peer, connection)),
        Err(source) => Err(Error::Broken { peer, source }),
    }
}

/// `host` or `host:port` with a port in any case. IPv6 addresses stand in brackets where a port follows.
pub(crate) fn with_port(address: &str, port: u16) -> String {
    let has_port = match address.rsplit_once(':') {
        None => false,
        Some((host, port)) => {
            port.parse::<u16>().is_ok()
                && (!host.contains(':') || (host.starts_with('[') && host.ends_with(']')))
        }
    };
    if has_port {
        address.to_owned()
    } else if address.contains(':') && !address.starts_with('[') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_in_any_case() {
        for (given, expected) in [
            ("localhost", "localhost:4433"),
            ("localhost:7", "localhost:7"),
            ("10.0.0.1", "10.0.0.1:4433"),
            ("::1", "[::1]:4433"),
            ("[::1]", "[::1]:4433"),
            ("[::1]:7", "[::1]:7"),
        ] {
            assert_eq!(with_port(given, CLIENT_PORT), expected);
            assert_eq!(Coordinator::at(given).unwrap().address(), expected);
        }
        for bad in ["", "a b", "host:port"] {
            assert_eq!(
                Coordinator::at(bad).unwrap_err().code(),
                "channel.address",
                "{bad}"
            );
        }
    }
}
