//! The extractor of users: a handler that takes one runs for users only, and before any body is read.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use strongroom_service::ConnectionInfo;

use super::shape::Version;
use crate::app::{Asker, Coordinator, Failure};

/// A user of the manifest.
#[derive(Debug)]
pub struct User<V> {
    /// Who asks.
    pub asker: Asker,
    version: PhantomData<V>,
}

/// The connection on which a request came.
#[derive(Debug)]
pub struct Connection(pub Arc<ConnectionInfo>);

impl<V: Version> FromRequestParts<Arc<Coordinator>> for User<V> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, coordinator: &Arc<Coordinator>) -> Result<Self, Response> {
        connection(parts)
            .and_then(|connection| coordinator.authenticate(&connection))
            .map(|asker| Self {
                asker,
                version: PhantomData,
            })
            .map_err(|failure| V::refuse(coordinator, &failure))
    }
}

impl FromRequestParts<Arc<Coordinator>> for Connection {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, coordinator: &Arc<Coordinator>) -> Result<Self, Response> {
        connection(parts)
            .map(Self)
            .map_err(|failure| super::shape::V3::refuse(coordinator, &failure))
    }
}

/// The listener puts it into every request.
fn connection(parts: &Parts) -> Result<Arc<ConnectionInfo>, Failure> {
    parts
        .extensions
        .get::<Arc<ConnectionInfo>>()
        .cloned()
        .ok_or_else(|| {
            tracing::error!("a request came without its connection");
            Failure::internal()
        })
}
