//! Control plane: verifies workloads against the manifest and gives them identity and secrets.

pub mod app;
pub mod clock;
pub mod config;
pub mod endorsement;
pub mod grpc;
pub mod pki;
pub mod refusals;
pub mod rest;
pub mod server;
pub mod state;
pub mod store;
pub mod writer;
