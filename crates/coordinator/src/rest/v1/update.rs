//! `/update`, `/update-manifest`, `/update-cancel`.

use axum::extract::State;
use axum::response::Response;

use crate::app::Failure;
use crate::rest::App;
use crate::rest::shape::{V1, V2, Version, success};
use crate::rest::user::User;
use crate::rest::v2::{later, no_update};

pub(super) async fn log(State(coordinator): App) -> Response {
    match coordinator.update_log().await {
        Ok(lines) => success(lines.into_iter().map(|line| line + "\n").collect::<String>()),
        Err(failure) => V1::refuse(&coordinator, &failure),
    }
}

pub(super) async fn update(State(coordinator): App, _: User<V1>) -> Response {
    V1::refuse(&coordinator, &later("updating the manifest"))
}

/// MarbleRun serves this path with its v2 handler.
pub(super) async fn pending(State(coordinator): App) -> Response {
    V2::refuse(&coordinator, &no_update())
}

pub(super) async fn acknowledge(State(coordinator): App, _: User<V1>) -> Response {
    let failure: Failure = no_update();
    V1::refuse(&coordinator, &failure)
}
