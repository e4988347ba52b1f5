//! Evidence inside and beside TLS: server and client configurations that nothing can be relayed through, one-connection
//! sessions whose exporter evidence is bound to, and verifiers of who is at the other end.
//!
//! The crate proves identity and has no opinion: what evidence is worth is `attest`'s to say. Evidence travels *after*
//! the handshake, on the very connection that it speaks of, so a [`Session`] is one TLS 1.3 connection without
//! resumption, and a [`channel::HttpConnection`] over it never reconnects. It is the only caller of rustls' `danger`
//! module; connecting to a server that nobody verified yet has a name that can be searched for:
//! [`danger::connect_unverified`].

pub mod channel;
mod client;
pub mod danger;
pub mod enrolment;
mod error;
mod identity;
mod marble;
mod pinned;
mod server;
mod session;
mod verifier;

pub use client::{Alpn, CONNECT_SECONDS_MAX, Target, Trust, connect};
pub use error::{ConnectError, IdentityError, TlsConfigError};
pub use identity::Identity;
pub use marble::{MARBLE_TYPE_OID, MarbleVerifier};
pub use pinned::PinnedRoot;
pub use server::{ClientCertificates, ServerSettings, Versions, server_config};
pub use session::{EXPORTER_BYTES, Session, SessionFacts, exporter};
