//! What a fuzzer drives: bytes of unknown origin through everything that reads them. Total: it returns, whatever comes.

use prost::Message as _;
use strongroom_api::serving::TensorProto;

use crate::engine::{self, Engine as _};
use crate::model::ModelFiles;
use crate::rest::json::{Layout, Writer, parse};
use crate::tensor::proto;
use crate::textproto;

/// Takes `data` for the body of a request, and prints what it is.
pub fn request_body(data: &[u8]) {
    if let Ok(value) = parse(data, DOCUMENT_BYTES_MAX) {
        let mut writer = Writer::new();
        writer.layout(Layout::OneLineArrays);
        writer.value(&value);
        let printed = writer.finish();
        assert!(parse(&printed, usize::MAX).is_ok(), "what is printed can be read");
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
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = textproto::parse(text);
    }
}

/// Takes `data` for a model.
pub fn model(data: &[u8]) {
    let files = ModelFiles::from_iter([("model.onnx".to_owned(), data.to_vec())]);
    let _ = engine::rten::Rten.load(files);
}

const TENSOR_BYTES_MAX: usize = 1 << 20;
const DOCUMENT_BYTES_MAX: usize = 1 << 24;
