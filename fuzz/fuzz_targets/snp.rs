#![no_main]
//! An SNP report, and the certificates of its key and of the authorities above it.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_attest::fuzz::inspect_snp(bytes));
