#![no_main]
//! The body of a REST request.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_inference::fuzz::request_body(bytes));
