//! Verifying a coordinator over a real connection. The coordinator is made by hand; each test changes one thing in one
//! that would be accepted.
#![cfg(feature = "simulation")]
#![expect(clippy::unwrap_used, reason = "a fixture that breaks fails its test")]

mod fake;
mod refusals;
mod secrets;
