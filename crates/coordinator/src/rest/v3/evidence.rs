//! `/evidence`.

use axum::extract::State;
use axum::response::Response;
use strongroom_api::coordinator::bytes::Hex32;
use strongroom_api::coordinator::v3;

use crate::rest::App;
use crate::rest::body::{SMALL_BYTES_MAX, StrictJson};
use crate::rest::shape::{V3, Version, json};
use crate::rest::user::Connection;
use crate::writer::view::wire_head;

pub(super) async fn evidence(
    State(coordinator): App,
    Connection(connection): Connection,
    StrictJson { value: request, .. }: StrictJson<V3, v3::EvidenceRequest, SMALL_BYTES_MAX>,
) -> Response {
    match coordinator.evidence(&connection, &request.nonce.0).await {
        Ok(made) => json(&v3::EvidenceAnswer {
            evidence: made.evidence.into(),
            root_certificate: made.root_certificate.into(),
            phase: made.phase.to_owned(),
            manifest_digest: made.manifest_digest.map(|digest| Hex32(*digest.as_bytes())),
            log_head: wire_head(&made.log_head),
        }),
        Err(failure) => V3::refuse(&coordinator, &failure),
    }
}
