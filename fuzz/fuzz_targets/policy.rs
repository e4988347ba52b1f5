#![no_main]
//! A client's policy, and the expectation in a workload description.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_attest::fuzz::parse_policy(bytes));
