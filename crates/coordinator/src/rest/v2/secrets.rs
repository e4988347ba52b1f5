//! `/secrets`.

use axum::extract::{Query, State};
use axum::response::Response;
use strongroom_api::coordinator::v2;

use crate::rest::body::{GoJson, SECRETS_BYTES_MAX};
use crate::rest::shape::{V2, Version, success, success_empty};
use crate::rest::user::User;
use crate::rest::{App, query, secret};

pub(super) async fn read(
    State(coordinator): App,
    User { asker, .. }: User<V2>,
    Query(pairs): Query<query::Pairs>,
) -> Response {
    let read = async {
        coordinator
            .read_secrets(&asker, query::secret_names(pairs)?)
            .await
    };
    match read.await {
        Ok(list) => {
            let secrets = list
                .iter()
                .map(|read| (read.name.to_string(), secret::shown(read)))
                .collect();
            success(v2::Secrets { secrets })
        }
        Err(failure) => V2::refuse(&coordinator, &failure),
    }
}

pub(super) async fn write(
    State(coordinator): App,
    User { asker, .. }: User<V2>,
    GoJson { value: request, .. }: GoJson<V2, v2::SecretsRequest, SECRETS_BYTES_MAX>,
) -> Response {
    match coordinator
        .write_secrets(&asker, None, secret::uploads(request.secrets))
        .await
    {
        Ok(_) => success_empty(),
        Err(failure) => V2::refuse(&coordinator, &failure),
    }
}
