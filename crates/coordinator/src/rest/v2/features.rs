//! Endpoints that are off unless the manifest names them. The gate is looked at before anything else.

use axum::extract::State;
use axum::response::Response;
use strongroom_api::coordinator::problem::Code;
use strongroom_manifest::FeatureGate;

use super::later;
use crate::app::failure::Kind;
use crate::app::{Coordinator, Failure};
use crate::rest::App;
use crate::rest::shape::{V2, Version};

pub(super) async fn sign_quote(State(coordinator): App) -> Response {
    V2::refuse(
        &coordinator,
        &gated(&coordinator, FeatureGate::SignQuoteEndpoint, "SignQuoteEndpoint"),
    )
}

pub(super) async fn monotonic_counter(State(coordinator): App) -> Response {
    V2::refuse(
        &coordinator,
        &gated(&coordinator, FeatureGate::MonotonicCounter, "MonotonicCounter"),
    )
}

fn gated(coordinator: &Coordinator, gate: FeatureGate, name: &str) -> Failure {
    let on = coordinator
        .manifest()
        .is_some_and(|manifest| manifest.manifest.config().gate(gate));
    if on {
        return later(name);
    }
    let message = format!("{name} feature is not enabled in the manifest");
    Failure {
        code: Code::RequestUnsupported,
        kind: Kind::Disabled,
        message,
    }
}
