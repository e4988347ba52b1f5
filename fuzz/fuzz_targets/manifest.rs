#![no_main]
//! A manifest, and everything that an accepted one can be asked.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_manifest::fuzz::parse(bytes));
