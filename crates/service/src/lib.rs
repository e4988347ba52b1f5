//! What every long-running program of Strongroom needs, written once so that limits, drain and log format
//! are the same everywhere: listeners with named limits, TLS identities that are replaced at run time,
//! telemetry, health, shutdown, ready files and process hardening.
//!
//! This crate knows no evidence, no policy and no algorithm: it has no edge to another crate of ours. What it
//! learns about a connection it hands on as [`connection::ConnectionInfo`]; others decide what that is worth.

pub mod connection;
pub mod folder;
pub mod health;
pub mod limits;
pub mod listener;
pub mod process;
pub mod ready;
pub mod shutdown;
mod sniff;
pub mod telemetry;
pub mod tls;

pub use connection::{ConnectionInfo, Remote};
pub use health::Readiness;
pub use limits::Limits;
pub use listener::{ListenAddress, Listener, ServeError, Transport};
pub use shutdown::Shutdown;
pub use tls::{ReloadableIdentity, ServerTls, TlsHandle};
