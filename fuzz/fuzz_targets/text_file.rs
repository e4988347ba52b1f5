#![no_main]
//! A configuration file in protobuf's text form.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_inference::fuzz::text_file(bytes));
