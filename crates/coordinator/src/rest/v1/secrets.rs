//! `/secrets`: as v2, without the wrapper.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::response::Response;
use strongroom_api::coordinator::v2;

use crate::rest::body::{GoJson, SECRETS_BYTES_MAX};
use crate::rest::shape::{V1, Version, success, success_empty};
use crate::rest::user::User;
use crate::rest::{App, query, secret};

pub(super) async fn read(
    State(coordinator): App,
    User { asker, .. }: User<V1>,
    Query(pairs): Query<query::Pairs>,
) -> Response {
    let read = async {
        coordinator
            .read_secrets(&asker, query::secret_names(pairs)?)
            .await
    };
    match read.await {
        Ok(list) => {
            let shown = list
                .iter()
                .map(|read| (read.name.to_string(), secret::shown(read)));
            success(shown.collect::<BTreeMap<_, _>>())
        }
        Err(failure) => V1::refuse(&coordinator, &failure),
    }
}

pub(super) async fn write(
    State(coordinator): App,
    User { asker, .. }: User<V1>,
    GoJson { value: secrets, .. }: GoJson<V1, BTreeMap<String, v2::UserSecret>, SECRETS_BYTES_MAX>,
) -> Response {
    match coordinator
        .write_secrets(&asker, None, secret::uploads(secrets))
        .await
    {
        Ok(_) => success_empty(),
        Err(failure) => V1::refuse(&coordinator, &failure),
    }
}
