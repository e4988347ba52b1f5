//! The server as its clients see it, in this process: real ports, the digits model, REST and gRPC.

mod bundles;
mod confidential;
mod grpc;
mod hostile;
mod metrics;
mod process;
mod quirks;
mod rest;
mod slow;
mod support;
mod tls;
