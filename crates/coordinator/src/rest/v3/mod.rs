//! Our own version, under `/api/v3`.

use std::sync::Arc;

use axum::Router;
use axum::routing::{post, put};

use super::{get_and_post, only_get};
use crate::app::Coordinator;

mod endorsements;
mod enrolment;
mod evidence;
mod log;
mod secrets;
mod status;

/// The routes.
pub(super) fn router() -> Router<Arc<Coordinator>> {
    Router::new()
        .route("/status", only_get(status::status))
        .route("/evidence", post(evidence::evidence))
        .route("/enrolment/begin", post(enrolment::begin))
        .route("/enrolment/finish", post(enrolment::finish))
        .route(
            "/endorsements",
            get_and_post(endorsements::list, endorsements::add),
        )
        .route("/secrets", put(secrets::put))
        .route("/log", only_get(log::log))
}
