//! `PredictionService`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use prost::Message as _;
use prost_types::Any;
use strongroom_api::serving::prediction_service_server::PredictionService;
use strongroom_api::serving::{
    CLASSIFY_METHOD, ClassificationRequest, ClassificationResponse, Code, DEFAULT_SIGNATURE,
    GetModelMetadataRequest, GetModelMetadataResponse, ModelSpec, MultiInferenceRequest,
    MultiInferenceResponse, PREDICT_METHOD, PredictRequest, PredictResponse, REGRESS_METHOD,
    RegressionRequest, RegressionResponse, SIGNATURE_DEF_MAP_TYPE_URL, SignatureDefMap, TensorProto,
    model_spec::VersionChoice as SpecVersion,
};
use strongroom_service::ConnectionInfo;
use tonic::{Request, Response, Status};

use super::{deadline, to_status};
use crate::app::{App, ModelPermit, signature};
use crate::describe;
use crate::engine::{Call, Signature};
use crate::error::RequestError;
use crate::infer::{self, Context};
use crate::metrics::Entrypoint;
use crate::model::version::target;
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

    /// Admits the client, and runs `work` on a worker until the caller's deadline.
    async fn run<Q: Send + 'static, A: Send + 'static>(
        &self,
        request: Request<Q>,
        spec: Option<ModelSpec>,
        work: fn(Context<'_>, Q) -> Result<A, RequestError>,
    ) -> Result<A, RequestError> {
        let permit = self.admit(&request, spec.as_ref())?;
        let timeout = deadline(request.metadata());
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let app = Arc::clone(&self.app);
        let request = request.into_inner();
        let work = move || {
            let context = Context {
                app: &app,
                permit: &permit,
                deadline: until,
            };
            work(context, request)
        };
        self.app.work(timeout, work).await
    }

    /// Runs one call and counts it, under the name that TensorFlow Serving gives the method.
    async fn counted_run<Q: Send + 'static, A: Send + 'static>(
        &self,
        request: Request<Q>,
        spec: Option<ModelSpec>,
        api: &'static str,
        work: fn(Context<'_>, Q) -> Result<A, RequestError>,
    ) -> Result<Response<A>, Status> {
        let begin = Instant::now();
        match self.run(request, spec.clone(), work).await {
            Ok(response) => {
                if let Some(model) = self.counted(spec.as_ref(), Code::Ok) {
                    let took = begin.elapsed();
                    self.app.metrics.latency(&model, api, Entrypoint::Grpc, took);
                }
                Ok(Response::new(response))
            }
            Err(error) => Err(self.refuse(spec.as_ref(), &error)),
        }
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

fn predict(context: Context<'_>, request: PredictRequest) -> Result<PredictResponse, RequestError> {
    let Context {
        app,
        permit,
        deadline,
    } = context;
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
    check_method(app, signature)?;
    let inputs = decode(request.inputs, app.limits.tensor_bytes_max)?;
    let call = Call::new(signature_name, signature, inputs, &request.output_filter)?;
    let outputs = app.infer(permit, &servable, call.until(deadline), "Predict")?;
    let encode = |(alias, tensor)| (alias, proto::encode(tensor, app.encoding));
    Ok(PredictResponse {
        outputs: outputs.into_iter().map(encode).collect(),
        model_spec,
    })
}

fn check_method(app: &App, signature: &Signature) -> Result<(), RequestError> {
    let known = [PREDICT_METHOD, CLASSIFY_METHOD, REGRESS_METHOD];
    if !app.check_method_names || known.contains(&signature.method_name.as_str()) {
        return Ok(());
    }
    let text = format!(
        "Expected prediction signature method_name to be one of {{{}}}. Was: {}",
        known.join(", "),
        signature.method_name
    );
    Err(RequestError::new(Code::Internal, text))
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
        let spec = request.get_ref().model_spec.clone();
        self.counted_run(request, spec, "Predict", predict).await
    }

    async fn classify(
        &self,
        request: Request<ClassificationRequest>,
    ) -> Result<Response<ClassificationResponse>, Status> {
        let spec = request.get_ref().model_spec.clone();
        let work = |context: Context<'_>, request: ClassificationRequest| infer::classify(context, &request);
        self.counted_run(request, spec, "Classify", work).await
    }

    async fn regress(
        &self,
        request: Request<RegressionRequest>,
    ) -> Result<Response<RegressionResponse>, Status> {
        let spec = request.get_ref().model_spec.clone();
        let work = |context: Context<'_>, request: RegressionRequest| infer::regress(context, &request);
        self.counted_run(request, spec, "Regress", work).await
    }

    // Counted nowhere, as in TensorFlow Serving.
    async fn multi_inference(
        &self,
        request: Request<MultiInferenceRequest>,
    ) -> Result<Response<MultiInferenceResponse>, Status> {
        let first = request.get_ref().tasks.first();
        let spec = first.and_then(|task| task.model_spec.clone());
        let work =
            |context: Context<'_>, request: MultiInferenceRequest| infer::multi_inference(context, &request);
        let answer = self.run(request, spec, work).await;
        answer.map(Response::new).map_err(|error| to_status(&error))
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
