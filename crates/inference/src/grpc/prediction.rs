//! `PredictionService`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use prost::Message as _;
use prost_types::Any;
use strongroom_api::serving::prediction_service_server::PredictionService;
use strongroom_api::serving::{
    ClassificationRequest, ClassificationResponse, Code, DEFAULT_SIGNATURE, GetModelMetadataRequest,
    GetModelMetadataResponse, ModelSpec, MultiInferenceRequest, MultiInferenceResponse, PredictRequest,
    PredictResponse, RegressionRequest, RegressionResponse, SIGNATURE_DEF_MAP_TYPE_URL, SignatureDefMap,
    TensorProto, model_spec::VersionChoice as SpecVersion,
};
use strongroom_service::ConnectionInfo;
use tonic::{Request, Response, Status};

use super::{deadline, target, to_status};
use crate::app::{App, ModelPermit, signature};
use crate::describe;
use crate::engine::Call;
use crate::error::RequestError;
use crate::metrics::Entrypoint;
use crate::tensor::dtype::element_bytes;
use crate::tensor::{Tensor, proto};

/// The service.
pub(super) struct Prediction {
    app: Arc<App>,
}

impl Prediction {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    fn admit<T>(&self, request: &Request<T>, spec: Option<&ModelSpec>) -> Result<ModelPermit, RequestError> {
        let (name, _) = target(spec)?;
        self.app
            .admit(name, request.extensions().get::<Arc<ConnectionInfo>>())
    }

    async fn run(&self, request: Request<PredictRequest>) -> Result<PredictResponse, RequestError> {
        let permit = self.admit(&request, request.get_ref().model_spec.as_ref())?;
        let timeout = deadline(request.metadata());
        let app = Arc::clone(&self.app);
        let request = request.into_inner();
        self.app
            .work(timeout, move || predict(&app, &permit, request))
            .await
    }

    // The refusal for a method that comes later: what is wrong with the request itself is said first.
    fn not_yet<T>(&self, request: &Request<T>, spec: Option<&ModelSpec>, method: &str) -> RequestError {
        let refusal = || {
            let (name, version) = target(spec)?;
            let permit = self.admit(request, spec)?;
            App::find(&permit, name, &version)?;
            Ok(())
        };
        let text = format!("{method} is not available for this model; use Predict");
        refusal()
            .err()
            .unwrap_or_else(|| RequestError::new(Code::Unimplemented, text))
    }

    fn counted(&self, spec: Option<&ModelSpec>, code: Code) -> Option<String> {
        let name = spec.and_then(|spec| self.app.counted(&spec.name));
        self.app.metrics.request(name, code);
        name.map(str::to_owned)
    }

    fn refuse(&self, spec: Option<&ModelSpec>, error: &RequestError) -> Status {
        self.counted(spec, error.code());
        to_status(error)
    }
}

fn predict(
    app: &App,
    permit: &ModelPermit,
    request: PredictRequest,
) -> Result<PredictResponse, RequestError> {
    let (name, version) = target(request.model_spec.as_ref())?;
    let (permit, servable) = App::find(permit, name, &version)?;
    let asked = request
        .model_spec
        .as_ref()
        .map_or("", |spec| &spec.signature_name);
    let signature_name = if asked.is_empty() {
        DEFAULT_SIGNATURE
    } else {
        asked
    };
    let signature = signature(&servable, signature_name).ok_or_else(|| {
        RequestError::new(
            Code::FailedPrecondition,
            format!("Serving signature key \"{signature_name}\" not found."),
        )
    })?;
    let model_spec = Some(ModelSpec {
        name: name.to_owned(),
        version_choice: Some(SpecVersion::Version(servable.version())),
        signature_name: signature_name.to_owned(),
    });
    let inputs = decode(request.inputs, app.limits.tensor_bytes_max)?;
    let call = Call::new(signature_name, signature, inputs, &request.output_filter)?;
    let outputs = app.infer(permit, &servable, call, "Predict")?;
    let encode = |(alias, tensor)| (alias, proto::encode(tensor, app.encoding));
    Ok(PredictResponse {
        outputs: outputs.into_iter().map(encode).collect(),
        model_spec,
    })
}

// All tensors of a request share one allowance.
fn decode(
    inputs: BTreeMap<String, TensorProto>,
    bytes_max: usize,
) -> Result<BTreeMap<String, Tensor>, RequestError> {
    let mut left = bytes_max;
    let mut tensors = BTreeMap::new();
    for (alias, input) in inputs {
        let tensor = proto::decode(input, left).map_err(|error| {
            tracing::debug!(%error, "a tensor of a request cannot be read");
            RequestError::invalid(format!("tensor parsing error: {alias}"))
        })?;
        left = left.saturating_sub(tensor.data().len().saturating_mul(element_bytes(tensor.dtype())));
        tensors.insert(alias, tensor);
    }
    Ok(tensors)
}

#[tonic::async_trait]
impl PredictionService for Prediction {
    async fn predict(&self, request: Request<PredictRequest>) -> Result<Response<PredictResponse>, Status> {
        let begin = Instant::now();
        let spec = request.get_ref().model_spec.clone();
        match self.run(request).await {
            Ok(response) => {
                if let Some(model) = self.counted(spec.as_ref(), Code::Ok) {
                    self.app
                        .metrics
                        .latency(&model, "Predict", Entrypoint::Grpc, begin.elapsed());
                }
                Ok(Response::new(response))
            }
            Err(error) => Err(self.refuse(spec.as_ref(), &error)),
        }
    }

    async fn classify(
        &self,
        request: Request<ClassificationRequest>,
    ) -> Result<Response<ClassificationResponse>, Status> {
        let spec = request.get_ref().model_spec.clone();
        Err(self.refuse(spec.as_ref(), &self.not_yet(&request, spec.as_ref(), "Classify")))
    }

    async fn regress(
        &self,
        request: Request<RegressionRequest>,
    ) -> Result<Response<RegressionResponse>, Status> {
        let spec = request.get_ref().model_spec.clone();
        Err(self.refuse(spec.as_ref(), &self.not_yet(&request, spec.as_ref(), "Regress")))
    }

    async fn multi_inference(
        &self,
        request: Request<MultiInferenceRequest>,
    ) -> Result<Response<MultiInferenceResponse>, Status> {
        let spec = request
            .get_ref()
            .tasks
            .first()
            .and_then(|task| task.model_spec.clone());
        Err(to_status(&self.not_yet(
            &request,
            spec.as_ref(),
            "MultiInference",
        )))
    }

    async fn get_model_metadata(
        &self,
        request: Request<GetModelMetadataRequest>,
    ) -> Result<Response<GetModelMetadataResponse>, Status> {
        metadata(&self.app, request.get_ref())
            .map(Response::new)
            .map_err(|error| to_status(&error))
    }
}

fn metadata(app: &App, request: &GetModelMetadataRequest) -> Result<GetModelMetadataResponse, RequestError> {
    let (name, version) = target(request.model_spec.as_ref())?;
    if request.metadata_field.is_empty() {
        return Err(RequestError::invalid(
            "GetModelMetadataRequest must specify at least one metadata_field",
        ));
    }
    if let Some(field) = request
        .metadata_field
        .iter()
        .find(|field| *field != SIGNATURE_DEF)
    {
        return Err(RequestError::invalid(format!(
            "Metadata field {field} is not supported"
        )));
    }
    let servable = app.describe(name, &version)?;
    let signatures = SignatureDefMap {
        signature_def: describe::signatures(&servable),
    };
    let any = Any {
        type_url: SIGNATURE_DEF_MAP_TYPE_URL.to_owned(),
        value: signatures.encode_to_vec(),
    };
    Ok(GetModelMetadataResponse {
        model_spec: Some(ModelSpec {
            name: name.to_owned(),
            version_choice: Some(SpecVersion::Version(servable.version())),
            signature_name: String::new(),
        }),
        metadata: BTreeMap::from([(SIGNATURE_DEF.to_owned(), any)]),
    })
}

const SIGNATURE_DEF: &str = "signature_def";
