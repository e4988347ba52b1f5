#![no_main]
//! A tensor of a gRPC request.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_inference::fuzz::tensor(bytes));
