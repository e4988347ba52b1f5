//! `/endorsements`.

use axum::extract::State;
use axum::response::Response;
use strongroom_api::coordinator::bytes::Hex32;
use strongroom_api::coordinator::v3;

use crate::rest::App;
use crate::rest::body::{ENDORSEMENT_BYTES_MAX, StrictJson};
use crate::rest::shape::{V3, Version, json};
use crate::rest::user::User;
use crate::writer::view::wire_head;

pub(super) async fn add(
    State(coordinator): App,
    User { asker, .. }: User<V3>,
    StrictJson { value: request, .. }: StrictJson<V3, v3::AddEndorsement, ENDORSEMENT_BYTES_MAX>,
) -> Response {
    match coordinator.add_endorsement(&asker, request.endorsement.0).await {
        Ok((digest, head)) => json(&v3::AddEndorsementAnswer {
            digest: Hex32(*digest.as_bytes()),
            log_head: wire_head(&head),
        }),
        Err(failure) => V3::refuse(&coordinator, &failure),
    }
}

pub(super) async fn list(State(coordinator): App, User { asker, .. }: User<V3>) -> Response {
    json(&coordinator.endorsements(&asker))
}
