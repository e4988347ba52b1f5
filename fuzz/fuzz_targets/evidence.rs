#![no_main]
//! Evidence as a peer sends it.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_attest::fuzz::parse_evidence(bytes));
