//! `/enrolment`: whoever verifies this coordinator on a TPM enrols its attestation key.

use axum::extract::State;
use axum::response::Response;
use strongroom_api::coordinator::bytes::{Base64, Base64Secret};
use strongroom_api::coordinator::v3;
use strongroom_crypto::tpm_credential::CredentialBlob;

use crate::rest::App;
use crate::rest::body::{SMALL_BYTES_MAX, StrictJson};
use crate::rest::shape::{V3, Version, json};

pub(super) async fn begin(
    State(coordinator): App,
    StrictJson { .. }: StrictJson<V3, v3::BeginEnrolment, SMALL_BYTES_MAX>,
) -> Response {
    match coordinator.attestation_key().await {
        Ok(keys) => json(&v3::EnrolmentKeys {
            ek_public: keys.ek_public.into(),
            ek_certificates: keys.ek_certificates.into_iter().map(Base64).collect(),
            ak_public: keys.ak_public.into(),
        }),
        Err(failure) => V3::refuse(&coordinator, &failure),
    }
}

pub(super) async fn finish(
    State(coordinator): App,
    StrictJson { value: request, .. }: StrictJson<V3, v3::FinishEnrolment, SMALL_BYTES_MAX>,
) -> Response {
    let credential = CredentialBlob {
        id_object: request.credential_blob.0,
        encrypted_secret: request.encrypted_secret.0,
    };
    match coordinator.open_credential(credential).await {
        Ok(secret) => json(&v3::FinishedEnrolment {
            secret: Base64Secret::from(secret.expose().to_vec()),
        }),
        Err(failure) => V3::refuse(&coordinator, &failure),
    }
}
