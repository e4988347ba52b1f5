//! `/manifest`.

use axum::extract::State;
use axum::response::Response;
use strongroom_api::coordinator::bytes::Base64;
use strongroom_api::coordinator::v1;

use crate::rest::App;
use crate::rest::body::{MANIFEST_BYTES_MAX, Raw};
use crate::rest::shape::{V1, Version, success, success_empty};
use crate::rest::v2::recovery_secrets;

pub(super) async fn read(State(coordinator): App) -> Response {
    success(match coordinator.manifest() {
        Some(manifest) => v1::Manifest {
            signature: Some(Base64(manifest.signature.clone())),
            fingerprint: manifest.digest().to_string(),
            manifest: Some(Base64(manifest.manifest.raw().to_vec())),
        },
        None => v1::Manifest {
            signature: None,
            fingerprint: String::new(),
            manifest: None,
        },
    })
}

pub(super) async fn set(
    State(coordinator): App,
    Raw { bytes: raw, .. }: Raw<V1, MANIFEST_BYTES_MAX>,
) -> Response {
    match coordinator.set_manifest(raw.to_vec()).await {
        Ok(secrets) if secrets.is_empty() => success_empty(),
        Ok(secrets) => success(recovery_secrets(secrets)),
        Err(failure) => V1::refuse(&coordinator, &failure),
    }
}
