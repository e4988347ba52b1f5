//! The mesh port: MarbleRun's activation, and our own calls beside it. Methods translate; the use cases decide.

use std::sync::Arc;

use axum::Router;
use strongroom_api::marble::{ActivationServer, AttestationKeyServer, EnrolmentServer, MarbleServer};
use strongroom_service::ConnectionInfo;
use tonic::{Code, Request, Status};

use crate::app::Coordinator;
use crate::app::failure::{Failure, Kind};
use crate::app::session::{MarbleFailure, MarbleFailureKind};

mod activation;
mod enrolment;
mod marble;

/// Largest message that a workload may send, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 512 << 10;

/// Largest message of an enrolment, in bytes.
pub const ENROLMENT_BYTES_MAX: usize = 128 << 10;

/// All services.
pub fn router(coordinator: Arc<Coordinator>) -> Router {
    let activation = ActivationServer::new(activation::Service(coordinator.clone()))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(crate::app::render::PARAMETERS_BYTES_MAX);
    let enrolment = EnrolmentServer::new(enrolment::Service(coordinator.clone()))
        .max_decoding_message_size(ENROLMENT_BYTES_MAX);
    let attestation_key = AttestationKeyServer::new(enrolment::Service(coordinator.clone()))
        .max_decoding_message_size(ENROLMENT_BYTES_MAX);
    let marble = MarbleServer::new(marble::Service(coordinator)).max_decoding_message_size(MESSAGE_BYTES_MAX);
    tonic::service::Routes::new(activation)
        .add_service(marble)
        .add_service(enrolment)
        .add_service(attestation_key)
        .prepare()
        .into_axum_router()
}

/// The listener puts it into every request.
fn connection<T>(request: &Request<T>) -> Result<Arc<ConnectionInfo>, Status> {
    request
        .extensions()
        .get::<Arc<ConnectionInfo>>()
        .cloned()
        .ok_or_else(|| {
            tracing::error!("a call came without its connection");
            Status::internal("internal error")
        })
}

impl From<MarbleFailure> for Status {
    fn from(failure: MarbleFailure) -> Self {
        let code = match failure.kind {
            MarbleFailureKind::NotYet => Code::FailedPrecondition,
            MarbleFailureKind::Unauthenticated => Code::Unauthenticated,
            MarbleFailureKind::Denied => Code::PermissionDenied,
            MarbleFailureKind::Invalid => Code::InvalidArgument,
            MarbleFailureKind::Busy => Code::ResourceExhausted,
            MarbleFailureKind::Unavailable => Code::Unavailable,
            MarbleFailureKind::Internal => Code::Internal,
        };
        Self::new(code, failure.message)
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let code = match failure.kind {
            Kind::Request => Code::InvalidArgument,
            Kind::Unauthenticated => Code::Unauthenticated,
            Kind::Limit => Code::ResourceExhausted,
            Kind::Missing | Kind::Disabled => Code::FailedPrecondition,
            Kind::Server => Code::Unavailable,
        };
        Self::new(code, format!("{} [{}]", failure.message, failure.code))
    }
}
