//! A4–A7: one connection on which the coordinator has proven itself and this workload's evidence was made. Every attempt
//! has its own; a lost connection means a new one with new evidence.

use std::sync::Arc;
use std::time::Duration;

use strongroom_api::marble::{EvidenceRequest, EvidenceResponse, MarbleClient};
use strongroom_attest::{
    ActivateBinding, Binding, CoordinatorBinding, CoordinatorExpectation, Endorsements, Evidence, LogHead,
    Platform, Subject,
};
use strongroom_attester::{Attester, Workload};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::random::{self, SystemRandom};
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, Names};
use strongroom_ratls::channel::HttpConnection;
use strongroom_ratls::{Alpn, ConnectError, Session, Target, danger};
use tonic::{Code, Status};

use crate::enrol;
use crate::error::LaunchError;
use crate::identity::ClientIdentity;

/// Who calls which coordinator, and what it expects there.
#[derive(Debug)]
pub struct Caller {
    /// The coordinator's mesh port, HTTP/2.
    pub target: Target,
    /// From the measured description; `None` only where that says `unverified`.
    pub expectation: Option<CoordinatorExpectation>,
    /// What vendors sign about the coordinator's platform, beside what comes with its evidence.
    pub endorsements: Endorsements,
    /// The platform.
    pub attester: Arc<dyn Attester>,
    /// The workload description's bytes.
    pub description: Vec<u8>,
    /// Its digest.
    pub workload: Digest32,
    /// The marble type.
    pub marble_type: String,
    /// The UUID, in its usual form.
    pub uuid: String,
    /// Names that certificates are asked for.
    pub names: Names,
    /// The clock.
    pub now: fn() -> UnixTime,
}

/// A connection ready for one request.
#[derive(Debug)]
pub struct Attested {
    /// The connection; it never reconnects.
    pub connection: HttpConnection,
    /// This workload's evidence, bound to the connection.
    pub evidence: Vec<u8>,
    /// The coordinator's root as its evidence named it; `None` where it is not verified.
    pub root: Option<Certificate>,
}

/// Why an attempt failed.
#[derive(Debug)]
pub enum Failure {
    /// It may succeed later.
    Wait(Waiting),
    /// It never will.
    Final(LaunchError),
}

/// What is waited for, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Who has to do something.
    pub whom: &'static str,
    /// What.
    pub what: String,
    /// Longest pause until the next attempt.
    pub pause_max: Duration,
}

impl Waiting {
    /// The coordinator cannot be reached.
    #[must_use]
    pub fn unreachable(what: String) -> Self {
        Self {
            whom: "the network or the coordinator",
            what,
            pause_max: UNREACHABLE_PAUSE_MAX,
        }
    }

    /// The coordinator is not ready yet.
    #[must_use]
    pub fn administrator(what: String) -> Self {
        Self {
            whom: "the administrator of the coordinator",
            what,
            pause_max: PRECONDITION_PAUSE_MAX,
        }
    }
}

impl<E: Into<LaunchError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Final(error.into())
    }
}

impl Caller {
    /// Connects, verifies the coordinator, makes evidence.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn attest(&self, identity: &ClientIdentity) -> Result<Attested, Failure> {
        let target = self.target.clone().presenting(identity.tls.clone());
        let session = danger::connect_unverified(&target)
            .await
            .map_err(connect_failure)?; // A4
        let facts = session.facts();
        let connection = open(session).await?;
        let root = match &self.expectation {
            Some(expectation) => Some(self.verify_coordinator(expectation, &connection).await?), // A5, A6
            None => None,
        };
        let binding = ActivateBinding::new(
            identity.tls.certificate(),
            facts.server_certificate(),
            *facts.exporter(),
            &identity.request,
            &self.marble_type,
            &self.uuid,
        )
        .expect("certificate and request were made of one key");
        if root.is_some()
            && let Some(platform) = self.attester.enrolment()
        {
            enrol::own(&connection, platform).await?; // A6a
        }
        let report_data = Binding::Activate(binding).report_data();
        let workload = Workload {
            description: &self.description,
            digest: self.workload,
        };
        let evidence = self
            .attester
            .evidence(&report_data, Some(workload)) // A7
            .await
            .map_err(LaunchError::from)?
            .to_bytes();
        Ok(Attested {
            connection,
            evidence,
            root,
        })
    }

    async fn verify_coordinator(
        &self,
        expectation: &CoordinatorExpectation,
        connection: &HttpConnection,
    ) -> Result<Certificate, Failure> {
        let nonce: [u8; 32] = random::array(&SystemRandom);
        let mut client = MarbleClient::new(connection.clone()).max_decoding_message_size(EVIDENCE_BYTES_MAX);
        let request = EvidenceRequest {
            nonce: nonce.to_vec(),
        };
        let answer = timed(client.evidence(request))
            .await
            .map_err(evidence_failure)?
            .into_inner();
        let (evidence, binding, root) = read_answer(answer, nonce, *connection.session().exporter())?;
        let enrolled = match evidence.platform() {
            Platform::Tpm => {
                enrol::coordinator(connection, expectation, &self.endorsements, (self.now)()).await? // A5a
            }
            _ => None,
        };
        let expectation = match enrolled {
            Some(key) => &expectation.clone().with_enrolled(&key),
            None => expectation,
        };
        let appraised = expectation
            .verify(&evidence, &self.endorsements, &binding, (self.now)())
            .map_err(|error| LaunchError::from(Box::new(error)))?;
        tracing::info!(
            phase = binding.phase,
            platform = %evidence.platform(),
            protection = %appraised.claims().protection(),
            measurement = %appraised.claims().measurement(),
            "the coordinator is the expected one"
        );
        Ok(root)
    }
}

/// The answer in our own types. What it says of itself counts only once the evidence bound to it verified.
fn read_answer(
    answer: EvidenceResponse,
    nonce: [u8; 32],
    exporter: [u8; 32],
) -> Result<(Evidence, CoordinatorBinding, Certificate), Failure> {
    let malformed = |what: &str| LaunchError::CoordinatorNoEvidence {
        reason: format!("its {what} cannot be read"),
    };
    let digest = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).map(Digest32);
    let evidence = Evidence::parse(&answer.evidence)
        .map_err(|error| LaunchError::from(Box::new(error.of(Subject::Coordinator))))?;
    let root = Certificate::parse(&answer.root_certificate).map_err(|_| malformed("root certificate"))?;
    let manifest_digest = match answer.manifest_digest.as_slice() {
        [] => None,
        bytes => Some(digest(bytes).map_err(|_| malformed("manifest digest"))?),
    };
    let hash = digest(&answer.log_hash).map_err(|_| malformed("log head"))?;
    let binding = CoordinatorBinding {
        nonce,
        exporter,
        root_certificate: answer.root_certificate,
        phase: answer.phase,
        manifest_digest,
        log_head: LogHead {
            epoch: answer.log_epoch,
            size: answer.log_size,
            hash,
        },
    };
    Ok((evidence, binding, root))
}

async fn open(session: Session) -> Result<HttpConnection, Failure> {
    HttpConnection::open(session)
        .await
        .map_err(|error| Failure::Wait(Waiting::unreachable(chain(&error))))
}

fn connect_failure(error: ConnectError) -> Failure {
    match error {
        ConnectError::Unreachable { .. } | ConnectError::Timeout { .. } | ConnectError::Handshake { .. } => {
            Failure::Wait(Waiting::unreachable(chain(&error)))
        }
        other => Failure::Final(other.into()),
    }
}

fn evidence_failure(status: Status) -> Failure {
    match status.code() {
        code if is_transient(code, &status) => Failure::Wait(Waiting::unreachable(status_text(&status))),
        Code::FailedPrecondition => Failure::Wait(Waiting::unreachable(status_text(&status))),
        _ => Failure::Final(LaunchError::CoordinatorNoEvidence {
            reason: status_text(&status),
        }),
    }
}

/// Runs one call within its time limit.
pub(crate) async fn timed<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    tokio::time::timeout(CALL_TIMEOUT, call)
        .await
        .unwrap_or_else(|_| {
            Err(Status::deadline_exceeded(
                "the coordinator did not answer in time",
            ))
        })
}

/// Whether a failed call says nothing about the request: the connection was lost, or the coordinator is busy.
pub(crate) fn is_transient(code: Code, status: &Status) -> bool {
    // A status with a source was made on this side, of an error of the connection.
    std::error::Error::source(status).is_some()
        || matches!(
            code,
            Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Aborted
        )
}

/// A status as text: the peer's words, shortened and without control characters.
pub(crate) fn status_text(status: &Status) -> String {
    let words: String = status
        .message()
        .chars()
        .filter(|c| !c.is_control())
        .take(MESSAGE_CHARACTERS_MAX)
        .collect();
    match std::error::Error::source(status) {
        Some(source) => format!("{words}: {}", chain(source)),
        None => words,
    }
}

/// An error with its causes, for a log line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The port on which coordinators speak gRPC.
///
/// # Errors
/// [`ConnectError`] for an address that is none.
pub fn target(address: &str) -> Result<Target, ConnectError> {
    Target::new(address, Alpn::Http2)
}

/// Longest pause while somebody has to do something first.
pub(crate) const PRECONDITION_PAUSE_MAX: Duration = Duration::from_secs(2);
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const EVIDENCE_BYTES_MAX: usize = 1 << 20;
const MESSAGE_CHARACTERS_MAX: usize = 1024;
const UNREACHABLE_PAUSE_MAX: Duration = Duration::from_secs(10);
