#![no_main]
//! A quote of SGX or TDX, and the collateral for it.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_attest::fuzz::inspect_dcap_collateral(bytes));
