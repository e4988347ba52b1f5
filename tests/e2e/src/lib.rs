//! The programs together, as real processes: what their tests share.
//!
//! `cargo test --workspace` builds every program beside these tests. A test that runs alone says so when a program is
//! missing: it never builds one itself, and never uses one from elsewhere.

pub mod coordinator;
pub mod demo;
pub mod process;
pub mod tpm;
