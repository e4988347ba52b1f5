#![no_main]
//! An ONNX model, as the engine loads it.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_inference::fuzz::model(bytes));
