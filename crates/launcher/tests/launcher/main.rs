//! The real launcher binary, with real programs, against a platform and a coordinator that the tests script.

mod activation;
mod coordinator;
mod fixture;
mod pki;
mod platform;
mod provisioning;
mod runtime;
