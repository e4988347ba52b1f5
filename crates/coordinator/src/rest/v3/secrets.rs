//! `/secrets`.

use axum::extract::State;
use axum::response::Response;
use strongroom_api::coordinator::v3;
use strongroom_crypto::digest::Digest32;

use crate::rest::body::{SECRETS_BYTES_MAX, StrictJson};
use crate::rest::shape::{V3, Version, json};
use crate::rest::user::User;
use crate::rest::{App, secret};
use crate::writer::view::wire_head;

pub(super) async fn put(
    State(coordinator): App,
    User { asker, .. }: User<V3>,
    StrictJson { value: request, .. }: StrictJson<V3, v3::PutSecrets, SECRETS_BYTES_MAX>,
) -> Response {
    let verified = Digest32(request.manifest_digest.0);
    match coordinator
        .write_secrets(&asker, Some(verified), secret::uploads(request.secrets))
        .await
    {
        Ok(head) => json(&v3::PutSecretsAnswer {
            log_head: wire_head(&head),
        }),
        Err(failure) => V3::refuse(&coordinator, &failure),
    }
}
