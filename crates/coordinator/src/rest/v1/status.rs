//! `/status`, `/quote`.

use axum::extract::{Query, State};
use axum::response::Response;
use strongroom_api::coordinator::v1;

use crate::rest::shape::{V1, Version, success};
use crate::rest::{App, query};

pub(super) async fn status(State(coordinator): App) -> Response {
    let state = coordinator.numbered_state();
    success(v1::Status {
        status_code: state.code,
        status_message: state.message.to_owned(),
    })
}

pub(super) async fn quote(State(coordinator): App, Query(pairs): Query<query::Pairs>) -> Response {
    let quote = async { coordinator.quote(&query::nonce(&pairs)?).await };
    match quote.await {
        Ok(quote) => success(v1::Quote {
            cert: quote.certificates,
            quote: Some(quote.quote.into()),
        }),
        Err(failure) => V1::refuse(&coordinator, &failure),
    }
}
