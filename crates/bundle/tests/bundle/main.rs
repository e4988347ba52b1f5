//! Bundles from outside: what goes in comes out, and nothing else does.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fuzz_replay;
#[cfg(feature = "http")]
mod http;
mod python_reader;
mod refusals;
mod rewrap;
mod round_trip;
mod stores;
mod support;
mod vectors;
