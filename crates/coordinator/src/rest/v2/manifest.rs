//! `/manifest`.

use axum::extract::State;
use axum::response::Response;
use strongroom_api::coordinator::bytes::Base64;
use strongroom_api::coordinator::problem::Code;
use strongroom_api::coordinator::v2;

use super::recovery_secrets;
use crate::app::Failure;
use crate::rest::App;
use crate::rest::body::{GoJson, MANIFEST_BYTES_MAX};
use crate::rest::shape::{V2, Version, success};

pub(super) async fn read(State(coordinator): App) -> Response {
    match coordinator.manifest() {
        Some(manifest) => success(v2::Manifest {
            manifest_signature_root_ecdsa: Base64(manifest.signature.clone()),
            manifest_fingerprint: manifest.digest().to_string(),
            manifest: Base64(manifest.manifest.raw().to_vec()),
        }),
        None => V2::refuse(
            &coordinator,
            &Failure::server(Code::ManifestUnset, "requested value not set"),
        ),
    }
}

pub(super) async fn set(
    State(coordinator): App,
    GoJson { value: request, .. }: GoJson<V2, v2::ManifestRequest, MANIFEST_BYTES_MAX>,
) -> Response {
    match coordinator.set_manifest(request.manifest.0).await {
        Ok(secrets) => success(recovery_secrets(secrets)),
        Err(failure) => V2::refuse(&coordinator, &failure),
    }
}
