//! `/recover`: gone.

use axum::http::StatusCode;
use axum::response::Response;

use crate::rest::shape::error;

const GONE: &str = "Recovering the Coordinator using the /recover API endpoint has been disabled. Use the /api/v2/recover endpoint instead.";

pub(super) async fn recover() -> Response {
    error(StatusCode::GONE, GONE)
}
