#![no_main]
//! What TPMs write: attestations, public areas, values of registers.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_attest::fuzz::parse_tpm_structures(bytes));
