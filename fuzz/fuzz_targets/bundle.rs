#![no_main]
//! An encrypted model: header, footer, table, chunks.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_bundle::fuzz::open_bundle(bytes));
