#![no_main]
//! A list of measured files, as a peer sends it.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_attest::fuzz::parse_ima_log(bytes));
