#![no_main]
//! A template of a file and of a variable.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_manifest::fuzz::template(bytes));
