//! gRPC's health checking, where it is switched on: ports open only once every model is available.

use strongroom_api::proto::grpc_health::v1::health_check_response::ServingStatus;
use strongroom_api::proto::grpc_health::v1::health_server::Health;
use strongroom_api::proto::grpc_health::v1::{HealthCheckRequest, HealthCheckResponse};
use tonic::{Request, Response, Status};

/// Says `SERVING` for the names that TensorFlow Serving registers.
pub(super) struct AlwaysServing;

#[tonic::async_trait]
impl Health for AlwaysServing {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match request.get_ref().service.as_str() {
            "" | "ModelService" | "PredictionService" => Ok(Response::new(HealthCheckResponse {
                status: ServingStatus::Serving.into(),
            })),
            _ => Err(Status::not_found("unknown service")),
        }
    }
}
