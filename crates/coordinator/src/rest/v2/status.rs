//! `/status`, `/quote`.

use axum::extract::{Query, State};
use axum::response::Response;
use strongroom_api::coordinator::v2;

use crate::rest::shape::{V2, Version, success};
use crate::rest::{App, query};

pub(super) async fn status(State(coordinator): App) -> Response {
    let state = coordinator.numbered_state();
    success(v2::Status {
        code: state.code,
        message: state.message.to_owned(),
    })
}

pub(super) async fn quote(State(coordinator): App, Query(pairs): Query<query::Pairs>) -> Response {
    let quote = async { coordinator.quote(&query::nonce(&pairs)?).await };
    match quote.await {
        Ok(quote) => success(v2::Quote {
            cert: quote.certificates,
            quote: Some(quote.quote.into()),
        }),
        Err(failure) => V2::refuse(&coordinator, &failure),
    }
}
