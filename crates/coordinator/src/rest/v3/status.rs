//! `/status`.

use axum::extract::State;
use axum::response::Response;

use crate::rest::App;
use crate::rest::shape::json;

pub(super) async fn status(State(coordinator): App) -> Response {
    json(&coordinator.status())
}
