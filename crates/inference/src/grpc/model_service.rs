//! `ModelService`: states of versions. Reloading a configuration comes with the configuration files.

use std::sync::Arc;

use strongroom_api::serving::model_service_server::ModelService;
use strongroom_api::serving::{
    Code, GetModelStatusRequest, GetModelStatusResponse, ReloadConfigRequest, ReloadConfigResponse,
};
use tonic::{Request, Response, Status};

use super::to_status;
use crate::app::App;
use crate::describe;
use crate::error::RequestError;
use crate::model::version::version;

/// The service.
pub(super) struct ModelStatus {
    app: Arc<App>,
}

impl ModelStatus {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl ModelService for ModelStatus {
    async fn get_model_status(
        &self,
        request: Request<GetModelStatusRequest>,
    ) -> Result<Response<GetModelStatusResponse>, Status> {
        let missing = || to_status(&RequestError::invalid("Missing ModelSpec"));
        let spec = request.get_ref().model_spec.as_ref().ok_or_else(missing)?;
        describe::status(&self.app, &spec.name, &version(spec))
            .map(Response::new)
            .map_err(|error| to_status(&error))
    }

    async fn handle_reload_config_request(
        &self,
        _request: Request<ReloadConfigRequest>,
    ) -> Result<Response<ReloadConfigResponse>, Status> {
        let text = "This server's models are fixed when it starts";
        Err(to_status(&RequestError::new(Code::Unimplemented, text)))
    }
}
