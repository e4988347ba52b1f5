//! The REST port: MarbleRun's v1 at the root and v2 under `/api/v2`, ours under `/api/v3`. Handlers translate; the use
//! cases decide.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use strongroom_api::coordinator::problem::Code;

use crate::app::{Coordinator, Failure};
use shape::{V3, Version, method_not_allowed};

pub mod body;
mod query;
pub mod secret;
pub mod shape;
pub mod user;
mod v1;
mod v2;
mod v3;

/// The state that handlers get.
pub type App = State<Arc<Coordinator>>;

/// All routes.
pub fn router(coordinator: Arc<Coordinator>) -> Router {
    Router::new()
        .merge(v1::router())
        .nest("/api/v2", v2::router())
        .nest("/api/v3", v3::router())
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(coordinator)
}

/// MarbleRun's SDK goes from v2 to v1 exactly on this answer, so it is the same for paths and methods.
async fn unknown_path(State(coordinator): App, request: Request) -> Response {
    if is_ours(&request) {
        let failure = Failure::request(Code::RequestNotFound, "no such path");
        return V3::refuse(&coordinator, &failure);
    }
    method_not_allowed()
}

async fn wrong_method(State(coordinator): App, request: Request) -> Response {
    if is_ours(&request) {
        let failure = Failure::request(Code::RequestMethod, "the path does not take this method");
        return V3::refuse(&coordinator, &failure);
    }
    method_not_allowed()
}

fn is_ours(request: &Request) -> bool {
    request.uri().path().starts_with("/api/v3")
}

/// `GET`, but not the `HEAD` that the framework adds to it: MarbleRun knows none.
pub(crate) fn only_get<H, T>(handler: H) -> MethodRouter<Arc<Coordinator>>
where
    H: axum::handler::Handler<T, Arc<Coordinator>>,
    T: 'static,
{
    get(handler).head(async || method_not_allowed())
}

/// `GET` and `POST`, without `HEAD`.
pub(crate) fn get_and_post<G, T, P, U>(getting: G, posting: P) -> MethodRouter<Arc<Coordinator>>
where
    G: axum::handler::Handler<T, Arc<Coordinator>>,
    T: 'static,
    P: axum::handler::Handler<U, Arc<Coordinator>>,
    U: 'static,
{
    only_get(getting).merge(post(posting))
}
