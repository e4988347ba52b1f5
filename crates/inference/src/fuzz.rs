//! What a fuzzer drives: bytes of unknown origin through everything that reads them. Total: it returns, whatever comes.

use std::collections::BTreeMap;

use prost::Message as _;
use strongroom_api::serving::saved_model::ConfigProto;
use strongroom_api::serving::{
    BatchingParameters, Code, DataType, ModelServerConfig, MonitoringConfig, SslConfig, TensorProto,
};

use crate::engine::{self, Engine as _, Signature, TensorSpec};
use crate::model::ModelFiles;
use crate::rest::decode::Body;
use crate::rest::json::{Layout, Writer, parse};
use crate::rest::route::Verb;
use crate::rest::{examples, stream};
use crate::tensor::{Tensor, proto};
use crate::textproto;

/// Takes `data` for the body of a request: prints what it is, reads it as rows of features, and as tensors in both ways,
/// which must agree.
pub fn request_body(data: &[u8]) {
    if let Ok(value) = parse(data, DOCUMENT_BYTES_MAX) {
        let mut writer = Writer::new();
        writer.layout(Layout::OneLineArrays);
        writer.value(&value);
        let printed = writer.finish();
        assert!(parse(&printed, usize::MAX).is_ok(), "what is printed can be read");
        let _ = examples::read(&value, Verb::Classify);
    }
    for inputs in [&[("x", DataType::DtFloat)][..], MIXED] {
        tensors(data, inputs);
    }
}

fn tensors(data: &[u8], inputs: &[(&str, DataType)]) {
    let spec = |(name, dtype): &(&str, DataType)| {
        let (name, dtype, shape) = ((*name).to_owned(), *dtype, None);
        (name.clone(), TensorSpec { name, dtype, shape })
    };
    let signature = Signature::predict(inputs.iter().map(spec).collect(), BTreeMap::new());
    let streamed = stream::read(data, TENSOR_BYTES_MAX, |_| Some(&signature));
    let whole = Body::parse(data, TENSOR_BYTES_MAX).and_then(|body| body.request(|_| Some(&signature)));
    match (streamed, whole) {
        (None, _) => {}
        // The document takes more memory than its tensors, so it may be too large alone.
        (Some(_), Err(error)) => assert_eq!(error.code(), Code::ResourceExhausted, "{error}"),
        (Some(streamed), Ok(whole)) => {
            assert_eq!(streamed.form, whole.form);
            assert_eq!(streamed.signature, whole.signature);
            // As text: a number that is none is not equal to itself.
            let texts = |tensors: &BTreeMap<String, Tensor>| {
                let text = |tensor: &Tensor| format!("{tensor:?} {:?}", tensor.data());
                tensors.values().map(text).collect::<Vec<_>>()
            };
            assert_eq!(texts(&streamed.inputs), texts(&whole.inputs));
        }
    }
}

/// Takes `data` for a tensor of a gRPC request.
pub fn tensor(data: &[u8]) {
    if let Ok(message) = TensorProto::decode(data) {
        let _ = proto::decode(message, TENSOR_BYTES_MAX);
    }
}

/// Takes `data` for a configuration file.
pub fn text_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = textproto::parse::<ModelServerConfig>(text);
    let _ = textproto::parse::<MonitoringConfig>(text);
    let _ = textproto::parse::<SslConfig>(text);
    let _ = textproto::parse::<BatchingParameters>(text);
    let _ = textproto::parse::<ConfigProto>(text);
}

/// Takes `data` for a model.
pub fn model(data: &[u8]) {
    let files = ModelFiles::from_iter([("model.onnx".to_owned(), data.to_vec())]);
    let _ = engine::rten::Rten.load(files);
}

const MIXED: &[(&str, DataType)] = &[
    ("a", DataType::DtInt64),
    ("b", DataType::DtBool),
    ("x", DataType::DtFloat),
    ("y", DataType::DtString),
];
const TENSOR_BYTES_MAX: usize = 1 << 20;
const DOCUMENT_BYTES_MAX: usize = 1 << 24;
