#![no_main]
//! A quote of SGX or TDX, without collateral.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_attest::fuzz::inspect_dcap_quote(bytes));
