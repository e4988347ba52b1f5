//! gRPC, as TensorFlow Serving's clients use it.

use std::collections::BTreeMap;

use prost::Message as _;
use strongroom_api::serving::model_version_status::State;
use strongroom_api::serving::{
    ClassificationRequest, DataType, GetModelMetadataRequest, GetModelStatusRequest, ModelSpec,
    MultiInferenceRequest, PredictRequest, PredictResponse, RegressionRequest, ReloadConfigRequest,
    SignatureDefMap, TensorProto, TensorShapeProto, model_spec::VersionChoice, tensor_shape_proto::Dim,
};
use tonic::{Code, Status};

use crate::support::{Channel, digits, held_back, json, plain_digits, start};

fn spec(name: &str) -> ModelSpec {
    ModelSpec {
        name: name.to_owned(),
        ..ModelSpec::default()
    }
}

fn tensor(dims: &[i64], float_val: Vec<f32>) -> TensorProto {
    let dim = dims
        .iter()
        .map(|size| Dim {
            size: *size,
            name: String::new(),
        })
        .collect();
    TensorProto {
        dtype: DataType::DtFloat.into(),
        tensor_shape: Some(TensorShapeProto {
            dim,
            unknown_rank: false,
        }),
        float_val,
        ..TensorProto::default()
    }
}

pub(crate) fn request(images: &[Vec<f32>]) -> PredictRequest {
    let image = tensor(&[images.len() as i64, 8, 8, 1], images.concat());
    PredictRequest {
        model_spec: Some(spec("digits")),
        inputs: BTreeMap::from([("image".to_owned(), image)]),
        ..PredictRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn predicts_the_held_back_images_as_well_as_the_model_was_measured() {
    let server = digits().await;
    let mut client = Channel::to(server.addresses.grpc_addr).await.predictions();
    let (images, labels) = held_back();
    let response = client
        .predict(request(&images))
        .await
        .expect("an answer")
        .into_inner();
    let digits = &response.outputs["digit"];
    assert_eq!(digits.dtype(), DataType::DtInt64);
    let correct = digits
        .int64_val
        .iter()
        .zip(&labels)
        .filter(|(digit, label)| digit == label)
        .count();
    assert_eq!(serde_json::json!(correct), json("metrics.json")["correct"]);
    let spec = response.model_spec.expect("a model spec");
    assert_eq!(spec.signature_name, "serving_default");
    assert_eq!(spec.version_choice, Some(VersionChoice::Version(1)));
    assert_eq!(response.outputs["probabilities"].float_val.len(), 3600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_the_outputs_asked_for_in_the_encoding_asked_for() {
    let mut flags = plain_digits();
    flags.push("--enable_serialization_as_tensor_content".to_owned());
    let server = start(&flags).await;
    let mut client = Channel::to(server.addresses.grpc_addr).await.predictions();
    let asked = PredictRequest {
        output_filter: vec!["digit".to_owned()],
        ..request(&[vec![0.0; 64]])
    };
    let response = client.predict(asked).await.expect("an answer").into_inner();
    assert_eq!(response.outputs.keys().collect::<Vec<_>>(), ["digit"]);
    assert_eq!(response.outputs["digit"].tensor_content.len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refuses_with_the_original_codes_and_texts() {
    let server = digits().await;
    let mut client = Channel::to(server.addresses.grpc_addr).await.predictions();
    let good = || request(&[vec![0.0; 64]]);
    let with_spec = |spec: ModelSpec| PredictRequest {
        model_spec: Some(spec),
        ..good()
    };
    let with_image = |image: TensorProto| PredictRequest {
        inputs: BTreeMap::from([("image".to_owned(), image)]),
        ..good()
    };
    let version = |choice| ModelSpec {
        version_choice: Some(choice),
        ..spec("digits")
    };
    let signature = ModelSpec {
        signature_name: "s".to_owned(),
        ..spec("digits")
    };
    let cases = [
        (
            PredictRequest {
                model_spec: None,
                ..good()
            },
            Code::InvalidArgument,
            "Missing ModelSpec",
        ),
        (
            with_spec(spec("")),
            Code::InvalidArgument,
            "ModelSpec has no name specified.",
        ),
        (
            with_spec(spec("m")),
            Code::NotFound,
            "Servable not found for request: Latest(m)",
        ),
        (
            with_spec(version(VersionChoice::Version(99))),
            Code::NotFound,
            "Servable not found for request: Specific(digits, 99)",
        ),
        (
            with_spec(version(VersionChoice::VersionLabel("l".to_owned()))),
            Code::InvalidArgument,
            "Unrecognized servable version label: l",
        ),
        (
            with_spec(signature),
            Code::FailedPrecondition,
            "Serving signature key \"s\" not found.",
        ),
        (
            PredictRequest {
                inputs: BTreeMap::new(),
                ..good()
            },
            Code::InvalidArgument,
            "input size does not match signature: 0!=1 len({}) != len({image}). Sent extra: {}. Missing but \
             required: {image}.",
        ),
        (
            with_image(tensor(&[-1, 8, 8, 1], vec![])),
            Code::InvalidArgument,
            "tensor parsing error: image",
        ),
        // Thirty bytes that ask for terabytes.
        (
            with_image(tensor(&[1 << 40, 1], vec![0.0])),
            Code::InvalidArgument,
            "tensor parsing error: image",
        ),
        (
            with_image(TensorProto {
                dtype: DataType::DtString.into(),
                ..tensor(&[1, 8, 8, 1], vec![])
            }),
            Code::InvalidArgument,
            "Expects arg[0] to be float but string is provided",
        ),
        (
            with_image(tensor(&[1, 8, 7, 1], vec![0.0])),
            Code::InvalidArgument,
            "Invalid dimension for input: image index: 2 Got: 7 Expected: 8",
        ),
        (
            PredictRequest {
                output_filter: vec!["q".to_owned()],
                ..good()
            },
            Code::InvalidArgument,
            "output tensor alias not found in signature: q Outputs expected to be in the set {digit,probabilities}.",
        ),
    ];
    for (request, code, text) in cases {
        let status = client.predict(request).await.expect_err(text);
        assert_eq!((status.code(), status.message()), (code, text));
    }
    assert!(client.predict(good()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_value_fills_a_tensor() {
    let server = digits().await;
    let mut client = Channel::to(server.addresses.grpc_addr).await.predictions();
    let sparse = |values| PredictRequest {
        inputs: BTreeMap::from([("image".to_owned(), tensor(&[1, 8, 8, 1], values))]),
        ..request(&[])
    };
    let answer = |response: Result<tonic::Response<PredictResponse>, Status>| {
        response.expect("an answer").into_inner().outputs
    };
    let zeros = answer(client.predict(request(&[vec![0.0; 64]])).await);
    assert_eq!(answer(client.predict(sparse(vec![])).await), zeros);
    assert_eq!(answer(client.predict(sparse(vec![0.0])).await), zeros);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_for_rows_refuse_a_model_of_tensors() {
    let server = digits().await;
    let channel = Channel::to(server.addresses.grpc_addr).await;
    let mut client = channel.clone().predictions();
    let model_spec = Some(spec("digits"));
    let classify = ClassificationRequest {
        model_spec: model_spec.clone(),
        input: None,
    };
    let regress = RegressionRequest {
        model_spec: model_spec.clone(),
        input: None,
    };
    let refused = client.classify(classify).await.expect_err("tensors");
    assert!(
        refused
            .message()
            .starts_with("No classification inputs found in SignatureDef")
    );
    let refused = client.regress(regress).await.expect_err("tensors");
    assert_eq!(refused.message(), "Expected one output Tensor.");
    let multi = client
        .multi_inference(MultiInferenceRequest::default())
        .await
        .expect_err("no model");
    assert_eq!(multi.message(), "Missing ModelSpec");
    let missing = ClassificationRequest {
        model_spec: Some(spec("m")),
        input: None,
    };
    assert_eq!(
        client.classify(missing).await.expect_err("no model").code(),
        Code::NotFound
    );
    let reload = channel
        .models()
        .handle_reload_config_request(ReloadConfigRequest::default())
        .await;
    assert_eq!(reload.expect_err("later").code(), Code::Unimplemented);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_and_metadata_describe_the_model() {
    let server = digits().await;
    let channel = Channel::to(server.addresses.grpc_addr).await;
    let mut models = channel.clone().models();
    let status = |model_spec| GetModelStatusRequest { model_spec };
    let found = models
        .get_model_status(status(Some(spec("digits"))))
        .await
        .expect("a status")
        .into_inner();
    assert_eq!(found.model_version_status[0].version, 1);
    assert_eq!(found.model_version_status[0].state(), State::Available);
    let missing = models.get_model_status(status(None)).await.expect_err("no model");
    assert_eq!(
        (missing.code(), missing.message()),
        (Code::InvalidArgument, "Missing ModelSpec")
    );
    let unknown = models
        .get_model_status(status(Some(spec("m"))))
        .await
        .expect_err("no model");
    assert_eq!(
        (unknown.code(), unknown.message()),
        (Code::NotFound, "Could not find any versions of model m")
    );

    let mut client = channel.predictions();
    let metadata = |fields: &[&str]| GetModelMetadataRequest {
        model_spec: Some(spec("digits")),
        metadata_field: fields.iter().map(|field| (*field).to_owned()).collect(),
    };
    let found = client
        .get_model_metadata(metadata(&["signature_def"]))
        .await
        .expect("metadata")
        .into_inner();
    let any = &found.metadata["signature_def"];
    assert_eq!(
        any.type_url,
        "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    );
    let map = SignatureDefMap::decode(any.value.as_slice()).expect("a map");
    assert!(map.signature_def["serving_default"].inputs.contains_key("image"));
    let none = client
        .get_model_metadata(metadata(&[]))
        .await
        .expect_err("no field");
    assert_eq!(
        none.message(),
        "GetModelMetadataRequest must specify at least one metadata_field"
    );
    let other = client
        .get_model_metadata(metadata(&["x"]))
        .await
        .expect_err("no field");
    assert_eq!(other.message(), "Metadata field x is not supported");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_serves_as_well() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("grpc.sock");
    let mut flags = plain_digits();
    flags.push(format!("--grpc_socket_path={}", path.display()));
    let _server = start(&flags).await;
    let stream = tokio::net::UnixStream::connect(&path)
        .await
        .expect("a connection");
    let mut client = Channel::over(stream).await.predictions();
    assert!(client.predict(request(&[vec![0.0; 64]])).await.is_ok());
}

/// Reflection names the services that are served, in both versions of its own protocol.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tools_can_ask_what_is_served() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let server = digits().await;
    let channel = Channel::to(server.addresses.grpc_addr).await;
    let origin = http::Uri::from_static("http://localhost");
    let mut client = ServerReflectionClient::with_origin(channel, origin);
    let ask = |what: MessageRequest| tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(what),
    };
    let symbol = "tensorflow.serving.PredictionService".to_owned();
    let asked = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(symbol.clone())),
    ];
    let answers = client.server_reflection_info(futures::stream::iter(asked)).await;
    let mut answers = answers.expect("answers").into_inner();
    let mut next = async || answers.message().await.expect("an answer").expect("a message");
    let Some(MessageResponse::ListServicesResponse(list)) = next().await.message_response else {
        panic!("no list");
    };
    let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    assert!(names.contains(&symbol), "{names:?}");
    assert!(
        names.contains(&"tensorflow.serving.ModelService".to_owned()),
        "{names:?}"
    );
    let Some(MessageResponse::FileDescriptorResponse(files)) = next().await.message_response else {
        panic!("no files");
    };
    assert!(!files.file_descriptor_proto.is_empty());
}
