//! `/update`, `/update-manifest`, `/update-cancel`.

use axum::extract::State;
use axum::response::Response;
use strongroom_api::coordinator::v2;

use super::{later, no_update};
use crate::rest::App;
use crate::rest::shape::{V2, Version, success};
use crate::rest::user::User;

pub(super) async fn log(State(coordinator): App) -> Response {
    match coordinator.update_log().await {
        Ok(update_log) => success(v2::UpdateLog { update_log }),
        Err(failure) => V2::refuse(&coordinator, &failure),
    }
}

pub(super) async fn update(State(coordinator): App, _: User<V2>) -> Response {
    V2::refuse(&coordinator, &later("updating the manifest"))
}

pub(super) async fn pending(State(coordinator): App) -> Response {
    V2::refuse(&coordinator, &no_update())
}

pub(super) async fn acknowledge(State(coordinator): App, _: User<V2>) -> Response {
    V2::refuse(&coordinator, &no_update())
}
