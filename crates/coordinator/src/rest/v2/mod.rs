//! MarbleRun's second version, under `/api/v2`.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use strongroom_api::coordinator::bytes::Base64;
use strongroom_api::coordinator::problem::Code;
use strongroom_api::coordinator::v2;

use super::{get_and_post, only_get};
use crate::app::failure::Kind;
use crate::app::set_manifest::RecoverySecrets;
use crate::app::{Coordinator, Failure};

mod features;
mod manifest;
mod recover;
mod secrets;
mod status;
mod update;

/// The routes.
pub(super) fn router() -> Router<Arc<Coordinator>> {
    Router::new()
        .route("/status", only_get(status::status))
        .route("/quote", only_get(status::quote))
        .route("/manifest", get_and_post(manifest::read, manifest::set))
        .route("/secrets", get_and_post(secrets::read, secrets::write))
        .route("/update", get_and_post(update::log, update::update))
        .route(
            "/update-manifest",
            get_and_post(update::pending, update::acknowledge),
        )
        .route("/update-cancel", post(update::acknowledge))
        .route("/recover", post(recover::recover))
        .route("/recover/public-key", only_get(recover::public_key))
        .route("/sign-quote", post(features::sign_quote))
        .route("/monotonic-counter", post(features::monotonic_counter))
}

/// What this version of the coordinator does not do yet.
pub(super) fn later(what: &str) -> Failure {
    let code = Code::RequestUnsupported;
    Failure::server(code, format!("{code}: {what} comes with a later version"))
}

/// There is no update that anybody could acknowledge or cancel.
pub(super) fn no_update() -> Failure {
    Failure {
        code: Code::ManifestUnset,
        kind: Kind::Missing,
        message: "no update in progress".to_owned(),
    }
}

pub(super) fn recovery_secrets(secrets: RecoverySecrets) -> v2::RecoverySecrets {
    let recovery_secrets = secrets
        .into_iter()
        .map(|(name, secret)| (name, Base64(secret)))
        .collect();
    v2::RecoverySecrets { recovery_secrets }
}
