//! Enrolment of workloads' TPMs, on the same port and connection as activation, and before it: a TPM's own certificate says
//! nothing of the key that quotes, so the coordinator finds out whether both live in one TPM, and certifies it for a day.
//!
//! The certificates are of an authority that lives as long as this process: after a restart workloads enrol again, as they
//! do on every new connection anyway.

use std::sync::Arc;

use strongroom_attest::platform::tpm::enrolment::EXTENSION_ARCS;
use strongroom_attest::{Platform, Roots};
use strongroom_crypto::issue::{self, IssueError, Template, Usage};
use strongroom_crypto::random::{self, Random};
use strongroom_crypto::secret::SecretBytes;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::tpm_credential::CredentialBlob;
use strongroom_crypto::x509::{Certificate, Names};
use strongroom_manifest::{Manifest, Package};
use strongroom_ratls::enrolment::{Challenged, Enrolled, Shown};
use strongroom_service::ConnectionInfo;

use super::once::{Once, SessionId, TooMany};
use super::session::{MarbleFailure, MarbleFailureKind};
use super::{Coordinator, blocking};
use crate::pki::{AUTHORITY_SECONDS, EARLY_SECONDS};

/// How long a credential may be answered.
pub const ANSWER_SECONDS_MAX: u64 = 120;
/// Most credentials that wait for their answers.
pub const PENDING_MAX: usize = 1024;
/// How long a certificate of an attestation key is valid.
pub const CERTIFICATE_SECONDS: u64 = 24 * 3600;

/// Enrolments that are under way, and who certifies the others.
#[derive(Debug)]
pub struct Enrolments {
    key: SigningKey,
    authority: Certificate,
    pending: Once<Challenged>,
}

/// A credential on its way to a TPM.
#[derive(Debug)]
pub struct Begun {
    /// Names the enrolment.
    pub session: SessionId,
    /// What the TPM is to open.
    pub credential: CredentialBlob,
}

impl Coordinator {
    /// Makes a credential for the TPM of whoever is at the other end.
    ///
    /// # Errors
    /// [`MarbleFailure`]; why a TPM is refused stands in our log only.
    pub async fn begin_enrolment(
        self: &Arc<Self>,
        connection: &ConnectionInfo,
        shown: Shown,
    ) -> Result<Begun, MarbleFailure> {
        let _turn = self.marble_slots.turn().await.map_err(MarbleFailure::busy)?;
        let view = self.view();
        let (deployment, manifest) = view.running()?;
        view.check_time(self.now())?;
        let exporter = exporter(connection)?;
        let roots = tpm_roots(&manifest.manifest);
        let endorsements = self.endorsements_of(deployment);
        let (now, random) = (self.now().unix(), self.random.clone());
        let made = blocking(move || shown.challenge(&roots, &endorsements, now, &*random)).await;
        let challenged = made
            .map_err(|failure| MarbleFailure::internal(failure.message))?
            .map_err(|error| self.refuse_enrolment(connection, &error))?;
        let session = random::array(&*self.random);
        let credential = challenged.credential().clone();
        let pending = &self.enrolments.pending;
        let put = pending.put(
            session,
            (exporter, connection.lifetime()),
            challenged,
            self.now().ms,
        );
        put.map_err(|TooMany| {
            self.count_refusal(LIMIT);
            let message = format!("too many enrolments are under way [{LIMIT}]");
            MarbleFailure::new(LIMIT, MarbleFailureKind::Busy, message)
        })?;
        Ok(Begun { session, credential })
    }

    /// Takes the answer; gives the certificate (DER) that evidence carries from then on.
    ///
    /// # Errors
    /// [`MarbleFailure`]; then the enrolment is over.
    pub async fn finish_enrolment(
        &self,
        connection: &ConnectionInfo,
        session: &[u8],
        secret: SecretBytes,
    ) -> Result<Vec<u8>, MarbleFailure> {
        let now = self.now();
        let challenged = self
            .enrolments
            .pending
            .take(session, &exporter(connection)?, now.ms);
        let challenged = challenged.ok_or_else(|| self.refuse_enrolment(connection, &Unknown))?;
        let enrolled = challenged
            .conclude(&secret)
            .map_err(|error| self.refuse_enrolment(connection, &error))?;
        let certificate = self
            .enrolments
            .certify(&enrolled, now.unix(), &*self.random)
            .map_err(|error| MarbleFailure::internal(format!("certifying an attestation key: {error}")))?;
        tracing::info!(
            remote = %connection.remote,
            endorsement_root = %enrolled.endorsement_key().root(),
            "attestation key enrolled"
        );
        Ok(certificate.der().to_vec())
    }

    /// Uniform for the peer: which of its certificates we know is none of its business.
    fn refuse_enrolment(&self, connection: &ConnectionInfo, why: &dyn std::error::Error) -> MarbleFailure {
        self.count_refusal(REFUSED);
        tracing::warn!(code = REFUSED, remote = %connection.remote, reason = %why, "enrolment refused");
        MarbleFailure::denied(
            REFUSED,
            format!("its attestation key cannot be enrolled [{REFUSED}]"),
        )
    }
}

impl Enrolments {
    /// With an authority of its own.
    ///
    /// # Errors
    /// [`IssueError`], never in practice.
    pub fn new(now: UnixTime, random: &dyn Random) -> Result<Self, IssueError> {
        let key = SigningKey::generate_p256();
        let template = Template {
            common_name: AUTHORITY_NAME.to_owned(),
            names: Names::default(),
            // A clock that ran ahead at the start and was set right since makes nothing invalid.
            not_before: now.minus(CERTIFICATE_SECONDS),
            not_after: now.plus(AUTHORITY_SECONDS),
            usage: Usage::Authority,
            extensions: Vec::new(),
        };
        Ok(Self {
            authority: issue::self_signed(&template, &key, random)?,
            key,
            pending: Once::new(PENDING_MAX, ANSWER_SECONDS_MAX),
        })
    }

    /// Who certifies.
    pub const fn authority(&self) -> &Certificate {
        &self.authority
    }

    fn certify(
        &self,
        enrolled: &Enrolled,
        now: UnixTime,
        random: &dyn Random,
    ) -> Result<Certificate, IssueError> {
        let template = Template {
            common_name: "Strongroom Attestation Key".to_owned(),
            names: Names::default(),
            not_before: now.minus(EARLY_SECONDS),
            not_after: now.plus(CERTIFICATE_SECONDS),
            usage: Usage::AttestationKey,
            extensions: vec![(EXTENSION_ARCS.to_vec(), enrolled.extension().to_bytes())],
        };
        issue::Authority::new(AUTHORITY_NAME, &self.key).issue(&template, enrolled.spki_der(), random)
    }
}

/// There is no such enrolment on this connection.
#[derive(Debug, thiserror::Error)]
#[error("no credential waits for an answer there: used, over, or of another connection")]
struct Unknown;

/// The roots of every package of platform tpm.
fn tpm_roots(manifest: &Manifest) -> Roots {
    let packages = manifest.packages().values();
    packages
        .filter(|package| package.platform == Platform::Tpm)
        .flat_map(Package::reference_values)
        .fold(Roots::none(), |roots, values| roots.and(values.roots()))
}

fn exporter(connection: &ConnectionInfo) -> Result<[u8; 32], MarbleFailure> {
    connection.exporter.ok_or_else(|| {
        let message = "nothing can be bound to this connection: use TLS 1.3 [evidence.channel]";
        MarbleFailure::denied("evidence.channel", message)
    })
}

const AUTHORITY_NAME: &str = "Strongroom Enrolment";
const REFUSED: &str = "enrolment.refused";
const LIMIT: &str = "limit.queue";
