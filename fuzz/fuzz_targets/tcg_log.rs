#![no_main]
//! An event log of a firmware, as a peer sends it.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_attest::fuzz::parse_tcg_log(bytes));
