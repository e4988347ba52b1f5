//! Model server: opens encrypted models inside the trusted environment and speaks TensorFlow Serving.
//!
//! The way of a model: [`config`] decides what is served, [`model`] opens it by digest and key, [`engine`] loads it.
//! The way of a request: [`rest`] or [`grpc`] decodes it, [`app`] admits its client, finds the version and runs it on a
//! worker of [`queue`], the same module encodes the answer. This crate knows no evidence and no manifest: it is handed
//! an identity and keys, so it runs and is tested anywhere.

pub mod app;
pub mod clients;
pub mod config;
pub mod describe;
pub mod engine;
pub mod error;
pub mod fuzz;
pub mod grpc;
pub mod infer;
pub mod metrics;
pub mod model;
pub mod provision;
pub mod queue;
pub mod rest;
pub mod server;
pub mod tensor;
pub mod textproto;
pub mod tls;
pub mod transport;
