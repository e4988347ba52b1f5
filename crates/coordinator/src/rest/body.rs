//! Bodies, each with a limit that has a name. They are extracted last: who may not ask has no body to read.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::response::Response;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use strongroom_api::coordinator::go_json;
use strongroom_api::coordinator::problem::Code;

use super::shape::Version;
use crate::app::{Coordinator, Failure};

/// Largest body with a manifest in it.
pub const MANIFEST_BYTES_MAX: usize = 8 << 20;
/// Largest body with secrets in it.
pub const SECRETS_BYTES_MAX: usize = 8 << 20;
/// Largest body with a recovery secret in it (MarbleRun's limit).
pub const RECOVERY_BYTES_MAX: usize = 20_480;
/// Largest body with an endorsement in it: 1 MiB in base64.
pub const ENDORSEMENT_BYTES_MAX: usize = 3 << 19;
/// Largest body of every other request.
pub const SMALL_BYTES_MAX: usize = 64 << 10;

/// A body of at most `MAX` bytes.
#[derive(Debug)]
pub struct Raw<V, const MAX: usize> {
    /// The bytes.
    pub bytes: Bytes,
    version: PhantomData<V>,
}

/// The first JSON value of a body, read as Go reads it.
#[derive(Debug)]
pub struct GoJson<V, T, const MAX: usize> {
    /// The value.
    pub value: T,
    version: PhantomData<V>,
}

/// A body that is one JSON value of exactly this shape.
#[derive(Debug)]
pub struct StrictJson<V, T, const MAX: usize> {
    /// The value.
    pub value: T,
    version: PhantomData<V>,
}

impl<V: Version, const MAX: usize> FromRequest<Arc<Coordinator>> for Raw<V, MAX> {
    type Rejection = Response;

    async fn from_request(request: Request, coordinator: &Arc<Coordinator>) -> Result<Self, Response> {
        read(request, MAX)
            .await
            .map(|bytes| Self {
                bytes,
                version: PhantomData,
            })
            .map_err(|failure| V::refuse(coordinator, &failure))
    }
}

impl<V: Version, T: DeserializeOwned, const MAX: usize> FromRequest<Arc<Coordinator>> for GoJson<V, T, MAX> {
    type Rejection = Response;

    async fn from_request(request: Request, coordinator: &Arc<Coordinator>) -> Result<Self, Response> {
        let Raw { bytes, .. } = Raw::<V, MAX>::from_request(request, coordinator).await?;
        go_json::from_first(&bytes)
            .map(|value| Self {
                value,
                version: PhantomData,
            })
            .map_err(|message| V::refuse(coordinator, &Failure::request(Code::RequestMalformed, message)))
    }
}

impl<V: Version, T: DeserializeOwned, const MAX: usize> FromRequest<Arc<Coordinator>>
    for StrictJson<V, T, MAX>
{
    type Rejection = Response;

    async fn from_request(request: Request, coordinator: &Arc<Coordinator>) -> Result<Self, Response> {
        let Raw { bytes, .. } = Raw::<V, MAX>::from_request(request, coordinator).await?;
        serde_json::from_slice(&bytes)
            .map(|value| Self {
                value,
                version: PhantomData,
            })
            .map_err(|error| {
                V::refuse(
                    coordinator,
                    &Failure::request(Code::RequestMalformed, error.to_string()),
                )
            })
    }
}

async fn read(request: Request, max: usize) -> Result<Bytes, Failure> {
    let too_large = || {
        Failure::limit(
            Code::LimitBody,
            format!("{}: the body is larger than {max} bytes", Code::LimitBody),
        )
    };
    to_bytes(request.into_body(), max).await.map_err(|error| {
        // The limit and a broken connection end here; nobody reads the answer in the second case.
        tracing::debug!(%error, "body not read");
        too_large()
    })
}
