//! How answers look in each version: status, content type, envelope, newlines.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use strongroom_api::coordinator::go_json;
use strongroom_api::coordinator::jsend::Envelope;
use strongroom_api::coordinator::problem::Problem;
use strongroom_crypto::random;

use crate::app::Coordinator;
use crate::app::failure::{Failure, Kind};

/// A version of the interface, as far as refusals go.
pub trait Version: Send + Sync + 'static {
    /// The answer to a request that was not carried out.
    fn refuse(coordinator: &Arc<Coordinator>, failure: &Failure) -> Response;
}

/// MarbleRun's first version: everything that is refused is an `error`.
#[derive(Debug)]
pub struct V1;

/// MarbleRun's second version.
#[derive(Debug)]
pub struct V2;

/// Ours.
#[derive(Debug)]
pub struct V3;

impl Version for V1 {
    fn refuse(_: &Arc<Coordinator>, failure: &Failure) -> Response {
        let status = match failure.kind {
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::Missing => StatusCode::NOT_FOUND,
            Kind::Disabled => StatusCode::FORBIDDEN,
            Kind::Limit => code_status(failure),
            Kind::Request | Kind::Server => StatusCode::BAD_REQUEST,
        };
        error(status, &failure.message)
    }
}

impl Version for V2 {
    fn refuse(_: &Arc<Coordinator>, failure: &Failure) -> Response {
        match failure.kind {
            Kind::Request => fail(StatusCode::BAD_REQUEST, &failure.message),
            Kind::Unauthenticated => fail(StatusCode::UNAUTHORIZED, &failure.message),
            Kind::Missing => error(StatusCode::NOT_FOUND, &failure.message),
            Kind::Disabled => error(StatusCode::FORBIDDEN, &failure.message),
            Kind::Limit => error(code_status(failure), &failure.message),
            Kind::Server => error(StatusCode::INTERNAL_SERVER_ERROR, &failure.message),
        }
    }
}

impl Version for V3 {
    fn refuse(coordinator: &Arc<Coordinator>, failure: &Failure) -> Response {
        let request_id = hex::encode(random::array::<8>(coordinator.random()));
        tracing::info!(code = failure.code.as_str(), request_id, "request refused");
        let problem = Problem {
            code: failure.code.as_str().to_owned(),
            message: failure.message.clone(),
            request_id,
        };
        let body = serde_json::to_vec(&problem).expect("texts serialise");
        answer(code_status(failure), PROBLEM, body)
    }
}

/// JSend's success.
pub fn success<T: Serialize>(data: T) -> Response {
    envelope(StatusCode::OK, JSON, &Envelope::success(Some(data)))
}

/// JSend's success without data.
pub fn success_empty() -> Response {
    envelope(StatusCode::OK, JSON, &Envelope::<()>::success(None))
}

/// JSON of ours.
pub fn json<T: Serialize>(value: &T) -> Response {
    answer(
        StatusCode::OK,
        JSON,
        serde_json::to_vec(value).expect("answers serialise"),
    )
}

/// MarbleRun's answer to unknown paths and methods.
pub fn method_not_allowed() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "")
}

/// JSend's error, whatever the version.
pub fn error(status: StatusCode, message: &str) -> Response {
    let mut response = envelope(status, TEXT, &Envelope::<()>::error(message.to_owned()));
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

fn fail(status: StatusCode, message: &str) -> Response {
    envelope(status, JSON, &Envelope::<()>::fail(message.to_owned()))
}

fn envelope<T: Serialize>(status: StatusCode, content_type: &'static str, envelope: &T) -> Response {
    let mut body = go_json::to_vec(envelope).expect("answers serialise");
    body.push(b'\n');
    answer(status, content_type, body)
}

fn answer(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn code_status(failure: &Failure) -> StatusCode {
    StatusCode::from_u16(failure.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";
const TEXT: &str = "text/plain; charset=utf-8";
