//! The workload runtime: first process of a marble.
//!
//! It reads a measured description of what it is to run, verifies the coordinator against the expectation *in that
//! description*, proves itself, receives what the manifest gives, puts it where only the workload can read it, and
//! starts the workload as a child. It stays to forward signals, reap, renew certificates and, when that is refused, to
//! take the keys away.
//!
//! It knows no policy: there is no edge to `manifest`, and nothing in the environment can loosen what the description
//! says. The steps carry the numbers of `docs/flows/activation.md`.

pub mod activate;
mod backoff;
pub mod caller;
pub mod child;
pub mod config;
pub mod credentials;
mod enrol;
pub mod error;
mod hide;
pub mod identity;
pub mod measure;
mod memory;
pub mod namespace;
pub mod parameters;
pub mod provision;
pub mod renew;
pub mod run;
pub mod stage;

pub use config::{Arguments, Config};
pub use error::LaunchError;
pub use run::{Exit, Prepared, prepare, run};
