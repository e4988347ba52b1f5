//! `/recover`, `/recover/public-key`.

use axum::extract::State;
use axum::response::Response;
use strongroom_api::coordinator::bytes::Base64;
use strongroom_api::coordinator::v2;
use strongroom_crypto::secret::SecretBytes;

use crate::rest::App;
use crate::rest::body::{GoJson, RECOVERY_BYTES_MAX};
use crate::rest::shape::{V2, Version, success};

pub(super) async fn recover(
    State(coordinator): App,
    GoJson { value: request, .. }: GoJson<V2, v2::RecoverRequest, RECOVERY_BYTES_MAX>,
) -> Response {
    let secret = SecretBytes::copy_of(&request.recovery_secret.0);
    match coordinator
        .recover(secret, request.recovery_secret_signature.0)
        .await
    {
        Ok(()) => success(v2::RecoverAnswer {
            remaining: 0,
            message: "Recovery successful.".to_owned(),
        }),
        Err(failure) => V2::refuse(&coordinator, &failure),
    }
}

pub(super) async fn public_key(State(coordinator): App) -> Response {
    match coordinator.recovery_public_key().await {
        Ok(spki) => success(v2::RecoverPublicKey {
            algorithm: "RSA".to_owned(),
            ephemeral_public_key: Base64(spki),
        }),
        Err(failure) => V2::refuse(&coordinator, &failure),
    }
}
