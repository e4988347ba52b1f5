//! MarbleRun's first version, at the root. Old clients, and clients that fell back to it.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

use super::{get_and_post, only_get};
use crate::app::Coordinator;

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
}
