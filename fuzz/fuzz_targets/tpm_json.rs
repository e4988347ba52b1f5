#![no_main]
//! A TPM's quote as one JSON object.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_attest::fuzz::parse_tpm_json(bytes));
