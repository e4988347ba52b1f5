//! A workload at the other end of a connection: what it sends, and what it proves about itself (A9, A10).

use std::fmt;

use strongroom_api::coordinator::log::Actor;
use strongroom_attest::{
    ActivateBinding, Binding, Endorsements, Evidence, Platform, Subject, Verified, verify,
};
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, Csr, Names};
use strongroom_manifest::{Manifest, MarbleType};
use strongroom_service::ConnectionInfo;

use crate::state::Refusal;

/// Longest marble type or UUID that is looked at, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// What a workload asks for; believed in nothing.
#[derive(Clone, Debug)]
pub struct MarbleRequest {
    /// Evidence, in our envelope.
    pub evidence: Vec<u8>,
    /// DER certificate request.
    pub csr: Vec<u8>,
    /// The type that it says it is.
    pub marble_type: String,
    /// The UUID that it says it has.
    pub uuid: String,
}

/// A connection as this end of it sees it.
#[derive(Clone, Debug)]
pub struct Session {
    client_certificate: Vec<u8>,
    server_certificate: Vec<u8>,
    exporter: Option<[u8; 32]>,
}

/// Why a workload gets nothing. The text is what MarbleRun would say, where it says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarbleFailure {
    /// Stable code.
    pub code: &'static str,
    /// What the caller can do about it.
    pub kind: MarbleFailureKind,
    /// The sentence.
    pub message: String,
}

/// What the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarbleFailureKind {
    /// Wait: a manifest or a secret is missing.
    NotYet,
    /// Present a certificate.
    Unauthenticated,
    /// Nothing.
    Denied,
    /// Send something else.
    Invalid,
    /// Try again later: we are busy, or something changed in between.
    Busy,
    /// Try again: the state could not be written.
    Unavailable,
    /// Nothing: the manifest and the secrets do not go together.
    Internal,
}

impl MarbleFailure {
    pub(super) fn new(code: &'static str, kind: MarbleFailureKind, message: impl Into<String>) -> Self {
        Self {
            code,
            kind,
            message: message.into(),
        }
    }

    pub(super) fn denied(code: &'static str, why: impl fmt::Display) -> Self {
        Self::new(
            code,
            MarbleFailureKind::Denied,
            format!("marble verification failed: {why}"),
        )
    }

    pub(super) fn quote(code: &'static str, why: impl fmt::Display) -> Self {
        Self::denied(code, format!("invalid quote: {why}"))
    }

    pub(super) fn busy(failure: super::Failure) -> Self {
        let message = format!("{} [{}]", failure.message, failure.code);
        Self::new(failure.code.as_str(), MarbleFailureKind::Busy, message)
    }

    pub(super) fn internal(why: impl Into<String>) -> Self {
        Self::new("internal", MarbleFailureKind::Internal, why)
    }
}

impl From<Refusal> for MarbleFailure {
    fn from(refusal: Refusal) -> Self {
        use MarbleFailureKind as Kind;
        let code = refusal.code();
        match &refusal {
            Refusal::Phase(_) => Self::new(code, Kind::NotYet, "cannot accept marbles in current state"),
            Refusal::RolledBack | Refusal::TimeBehind { .. } => Self::new(
                code,
                Kind::NotYet,
                format!("cannot accept marbles in current state: {refusal} [{code}]"),
            ),
            Refusal::SecretUnset(_) => Self::new(code, Kind::NotYet, refusal.to_string()),
            Refusal::MaxActivations { .. } | Refusal::NotActivated { .. } => Self::denied(code, refusal),
            Refusal::QueueFull | Refusal::Stale => Self::new(code, Kind::Busy, format!("{refusal} [{code}]")),
            _ => Self::new(code, Kind::Unavailable, format!("{refusal} [{code}]")),
        }
    }
}

impl Session {
    /// The session of a connection on the mesh port.
    ///
    /// # Errors
    /// [`MarbleFailure`] where the peer showed no certificate.
    pub fn of(connection: &ConnectionInfo) -> Result<Self, MarbleFailure> {
        let no_peer = || {
            let message = "couldn't get marble TLS certificate";
            MarbleFailure::new(
                "marble.no_certificate",
                MarbleFailureKind::Unauthenticated,
                message,
            )
        };
        let client_certificate = connection.peer_certificate().ok_or_else(no_peer)?.to_vec();
        let server_certificate = connection
            .server_certificate
            .as_ref()
            .ok_or_else(no_peer)?
            .to_vec();
        Ok(Self {
            client_certificate,
            server_certificate,
            exporter: connection.exporter,
        })
    }
}

/// A workload whose evidence verified, and what it may be called.
#[derive(Debug)]
pub struct Attested {
    /// Its type, which the manifest knows.
    pub marble_type: MarbleType,
    /// What the evidence proves. What that is worth, the manifest says.
    pub verified: Verified,
}

/// What this end brings to a verification.
#[derive(Debug)]
pub struct Verifier<'a> {
    /// What vendors sign about platforms.
    pub endorsements: &'a Endorsements,
    /// Who certified the attestation keys that were enrolled here.
    pub enrolment: &'a Certificate,
    /// The time.
    pub now: UnixTime,
}

/// Checks 1 to 7 of the evidence, with the binding from our own view of the connection.
///
/// # Errors
/// [`MarbleFailure`].
pub fn attest(
    session: &Session,
    request: &MarbleRequest,
    manifest: &Manifest,
    verifier: &Verifier<'_>,
) -> Result<Attested, MarbleFailure> {
    if request.marble_type.len() > NAME_BYTES_MAX || request.uuid.len() > NAME_BYTES_MAX {
        return Err(MarbleFailure::denied(
            "marble.unknown_type",
            "unknown marble type requested",
        ));
    }
    let marble_type = MarbleType::from(request.marble_type.as_str());
    let mut roots = manifest
        .roots(&marble_type)
        .map_err(|refusal| MarbleFailure::denied(refusal.code(), refusal))?;
    if roots.of(Platform::Tpm).next().is_some() {
        roots = roots.with_enrolment(verifier.enrolment.clone());
    }
    let subject = Subject::Marble(request.marble_type.clone());
    // An empty quote is malformed evidence: nothing is activated without one.
    let evidence = Evidence::parse(&request.evidence).map_err(|error| {
        let error = error.of(subject);
        MarbleFailure::quote(error.code().as_str(), error)
    })?;
    let exporter = session.exporter.ok_or_else(|| {
        MarbleFailure::quote(
            "evidence.channel",
            "nothing can be bound to this connection: use TLS 1.3 [evidence.channel]",
        )
    })?;
    let binding = ActivateBinding::new(
        &session.client_certificate,
        &session.server_certificate,
        exporter,
        &request.csr,
        &request.marble_type,
        &request.uuid,
    )
    .map_err(|error| MarbleFailure::quote("evidence.binding", format!("{error} [evidence.binding]")))?;
    let verified = verify(
        &evidence,
        verifier.endorsements,
        &roots,
        &Binding::Activate(binding),
        verifier.now,
    )
    .map_err(|error| MarbleFailure::quote(error.code().as_str(), error))?;
    Ok(Attested {
        marble_type,
        verified,
    })
}

/// The UUID in canonical form. Read as leniently as MarbleRun does: `urn:uuid:`, braces, without hyphens.
///
/// # Errors
/// [`MarbleFailure`].
pub fn canonical_uuid(text: &str) -> Result<String, MarbleFailure> {
    uuid::Uuid::try_parse(text)
        .map(|uuid| uuid.to_string())
        .map_err(|error| {
            MarbleFailure::new(
                "request.malformed",
                MarbleFailureKind::Invalid,
                format!("invalid UUID: {error}"),
            )
        })
}

/// The certificate request, whose key is the connection's, and the names that the manifest permits it.
///
/// # Errors
/// [`MarbleFailure`].
pub fn certificate_request(
    csr: &[u8],
    manifest: &Manifest,
    marble: &MarbleType,
) -> Result<(Csr, Names), MarbleFailure> {
    let csr = Csr::parse_and_verify(csr).map_err(|error| {
        MarbleFailure::new(
            "request.malformed",
            MarbleFailureKind::Invalid,
            format!("invalid CSR: {error}"),
        )
    })?;
    let names = manifest.permitted_names(marble, csr.names()).map_err(|refused| {
        MarbleFailure::denied(refused.code(), format!("{refused} [{}]", refused.code()))
    })?;
    Ok((csr, names))
}

/// The marble as the log says it.
pub fn log_actor(marble_type: &MarbleType, uuid: &str) -> Actor {
    Actor::Marble {
        marble_type: marble_type.to_string(),
        uuid: uuid.to_owned(),
    }
}
