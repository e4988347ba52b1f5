//! The contract, on the library of the active virtual environment.

use prost::Message as _;

use super::*;
use crate::engine::contract;
use crate::engine::onnx::tests as onnx_tests;

fn engine() -> OnnxRuntime {
    let options = EngineOptions {
        ort: OrtOptions {
            sessions: 2,
            ..OrtOptions::default()
        },
        ..EngineOptions::default()
    };
    OnnxRuntime::new(&options).expect("onnxruntime in the active virtual environment")
}

fn files(model: &onnx::ModelProto) -> ModelFiles {
    ModelFiles::from_iter([("model.onnx".to_owned(), model.encode_to_vec())])
}

#[test]
#[ignore = "needs onnxruntime"]
fn keeps_the_contract() {
    contract::check(
        &engine(),
        &contract::Fixture::relu(files(&onnx_tests::model("Relu"))),
    );
}

#[test]
fn large_models_have_fewer_sessions() {
    assert_eq!(sessions_for(1 << 20, 8), 8);
    assert_eq!(sessions_for(256 << 20, 8), 2);
    assert_eq!(sessions_for(3 << 30, 8), 1);
    assert_eq!(sessions_for(0, 0), 1);
}
