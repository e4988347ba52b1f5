//! `strongroom.v1.Enrolment` (a workload's TPM, verified by us) and `strongroom.v1.AttestationKey` (ours, verified by a
//! launcher).

use std::sync::Arc;

use strongroom_api::marble::{
    AttestationKey, AttestationKeyRequest, AttestationKeyResponse, BeginEnrolmentRequest,
    BeginEnrolmentResponse, CredentialRequest, CredentialResponse, Enrolment, FinishEnrolmentRequest,
    FinishEnrolmentResponse,
};
use strongroom_crypto::secret::SecretBytes;
use strongroom_crypto::tpm_credential::CredentialBlob;
use strongroom_ratls::enrolment::Shown;
use tonic::{Request, Response, Status};

use super::connection;
use crate::app::Coordinator;

pub(super) struct Service(pub(super) Arc<Coordinator>);

#[tonic::async_trait]
impl Enrolment for Service {
    async fn begin(
        &self,
        request: Request<BeginEnrolmentRequest>,
    ) -> Result<Response<BeginEnrolmentResponse>, Status> {
        let connection = connection(&request)?;
        let BeginEnrolmentRequest {
            ek_public,
            ek_certificates,
            ak_public,
        } = request.into_inner();
        let shown = Shown {
            ek_public,
            ek_certificates,
            ak_public,
        };
        let begun = self.0.begin_enrolment(&connection, shown).await?;
        Ok(Response::new(BeginEnrolmentResponse {
            session: begun.session.to_vec(),
            credential_blob: begun.credential.id_object,
            encrypted_secret: begun.credential.encrypted_secret,
        }))
    }

    async fn finish(
        &self,
        request: Request<FinishEnrolmentRequest>,
    ) -> Result<Response<FinishEnrolmentResponse>, Status> {
        let connection = connection(&request)?;
        let FinishEnrolmentRequest { session, secret } = request.into_inner();
        let secret = SecretBytes::new(secret);
        let ak_certificate = self.0.finish_enrolment(&connection, &session, secret).await?;
        Ok(Response::new(FinishEnrolmentResponse { ak_certificate }))
    }
}

#[tonic::async_trait]
impl AttestationKey for Service {
    async fn begin(
        &self,
        _: Request<AttestationKeyRequest>,
    ) -> Result<Response<AttestationKeyResponse>, Status> {
        let keys = self.0.attestation_key().await?;
        Ok(Response::new(AttestationKeyResponse {
            ek_public: keys.ek_public,
            ek_certificates: keys.ek_certificates,
            ak_public: keys.ak_public,
        }))
    }

    async fn finish(
        &self,
        request: Request<CredentialRequest>,
    ) -> Result<Response<CredentialResponse>, Status> {
        let CredentialRequest {
            credential_blob,
            encrypted_secret,
        } = request.into_inner();
        let credential = CredentialBlob {
            id_object: credential_blob,
            encrypted_secret,
        };
        let secret = self.0.open_credential(credential).await?;
        Ok(Response::new(CredentialResponse {
            secret: secret.expose().to_vec(),
        }))
    }
}
