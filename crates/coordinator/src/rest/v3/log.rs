//! `/log`.

use axum::extract::{Query, State};
use axum::response::Response;

use crate::app::log::ENTRIES_MAX;
use crate::rest::shape::{V3, Version, json};
use crate::rest::user::Connection;
use crate::rest::{App, query};

pub(super) async fn log(
    State(coordinator): App,
    Connection(connection): Connection,
    Query(pairs): Query<query::Pairs>,
) -> Response {
    // Somebody without a certificate gets the chain; somebody with the wrong one is told so by the other endpoints.
    let asker = connection
        .peer_certificate()
        .and_then(|_| coordinator.authenticate(&connection).ok());
    let page = async {
        let from = query::number(&pairs, "from", 0)?;
        let max = query::number(&pairs, "max", ENTRIES_MAX as u64)?;
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        coordinator.log(asker.as_ref(), from, max).await
    };
    match page.await {
        Ok(log) => json(&log),
        Err(failure) => V3::refuse(&coordinator, &failure),
    }
}
