//! Control plane: verifies workloads against the manifest and gives them identity and secrets.

pub mod store;
