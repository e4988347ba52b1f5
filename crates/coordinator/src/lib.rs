//! Control plane: verifies workloads against the manifest and gives them identity and secrets.

pub mod pki;
pub mod state;
pub mod store;
pub mod writer;
