//! `rpc.Marble/Activate`.

use std::sync::Arc;

use strongroom_api::marble::{Activation, ActivationReq, ActivationResp};
use tonic::{Request, Response, Status};

use super::connection;
use crate::app::Coordinator;
use crate::app::session::MarbleRequest;

pub(super) struct Service(pub(super) Arc<Coordinator>);

#[tonic::async_trait]
impl Activation for Service {
    async fn activate(&self, request: Request<ActivationReq>) -> Result<Response<ActivationResp>, Status> {
        let connection = connection(&request)?;
        let ActivationReq {
            quote,
            csr,
            marble_type,
            uuid,
        } = request.into_inner();
        let request = MarbleRequest {
            evidence: quote,
            csr,
            marble_type,
            uuid,
        };
        let parameters = self.0.activate(&connection, request).await?;
        Ok(Response::new(ActivationResp {
            parameters: Some(parameters),
        }))
    }
}
