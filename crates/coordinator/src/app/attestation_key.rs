//! The other direction: whoever verifies this coordinator on a TPM enrols its attestation key. Served in every phase, like
//! evidence.

use strongroom_api::coordinator::problem::Code;
use strongroom_attester::{AttesterError, Enrolment, EnrolmentRequest};
use strongroom_crypto::secret::SecretBytes;
use strongroom_crypto::tpm_credential::CredentialBlob;

use super::{Coordinator, Failure};

/// Most bytes of either half of a credential.
pub const CREDENTIAL_BYTES_MAX: usize = 2048;

impl Coordinator {
    /// The keys of this coordinator's platform.
    ///
    /// # Errors
    /// [`Failure`] where the platform has none that have to be enrolled.
    pub async fn attestation_key(&self) -> Result<EnrolmentRequest, Failure> {
        let enrolment = self.enrolment()?;
        let asked = self.attestation_key.get_or_try_init(async || {
            let _turn = self.evidence_slots.turn().await?;
            enrolment.request().await.map_err(|error| unavailable(&error))
        });
        asked.await.cloned()
    }

    /// The secret in a credential that somebody made for these keys.
    ///
    /// # Errors
    /// [`Failure`] for a credential of another platform or another key.
    pub async fn open_credential(&self, credential: CredentialBlob) -> Result<SecretBytes, Failure> {
        let enrolment = self.enrolment()?;
        let halves = [&credential.id_object, &credential.encrypted_secret];
        if halves.iter().any(|half| half.len() > CREDENTIAL_BYTES_MAX) {
            return Err(refused());
        }
        let _turn = self.evidence_slots.turn().await?;
        enrolment
            .activate(&credential)
            .await
            .map_err(|error| match error {
                AttesterError::Unreachable { .. } | AttesterError::Timeout { .. } => unavailable(&error),
                other => {
                    let error = &other as &dyn std::error::Error;
                    tracing::info!(code = other.code(), error, "credential not opened");
                    refused()
                }
            })
    }

    fn enrolment(&self) -> Result<&dyn Enrolment, Failure> {
        self.attester.enrolment().ok_or_else(|| {
            let message = "this coordinator's platform has no attestation key that has to be enrolled";
            Failure::server(Code::RequestUnsupported, message)
        })
    }
}

fn refused() -> Failure {
    let message = "the credential was not made for this platform and its attestation key";
    Failure::request(Code::EnrolmentRefused, message)
}

fn unavailable(error: &AttesterError) -> Failure {
    let (code, error) = (error.code(), error as &dyn std::error::Error);
    tracing::error!(code, error, "no answer of the platform");
    Failure::server(Code::EvidenceUnavailable, "the platform does not answer")
}
