//! What a server knows about the connection that a request came in on.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use rustls::ProtocolVersion;
use rustls_pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;

/// Facts about one connection, in each request's extensions as `Arc<ConnectionInfo>` (REST and gRPC alike).
///
/// Everything here is our own view of the connection: nothing of it was said by the peer in a request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Where the peer connects from, for logs only.
    pub remote: Remote,
    /// The peer's certificates as TLS received them, leaf first; empty without a client certificate.
    /// What they are worth is for the TLS configuration's verifier and for the program to say.
    pub peer_certificates: Vec<CertificateDer<'static>>,
    /// TLS 1.3 exporter of this connection, 32 bytes (RFC 8446 §7.5, empty context) under the label that the
    /// listener was given. Absent on plain connections and with TLS 1.2, where nothing may be bound to it.
    pub exporter: Option<[u8; 32]>,
    /// Negotiated TLS version; `None` on plain connections.
    pub protocol: Option<ProtocolVersion>,
    /// Leaf certificate (DER) that this server presented on this connection, where the listener was told.
    pub server_certificate: Option<CertificateDer<'static>>,
    pub(crate) close: CancellationToken,
    pub(crate) lifetime: Arc<()>,
}

impl ConnectionInfo {
    /// Facts about a connection that no listener made: for tests of handlers.
    #[must_use]
    pub fn for_tests(remote: Remote) -> Self {
        Self {
            remote,
            peer_certificates: Vec::new(),
            exporter: None,
            protocol: None,
            server_certificate: None,
            close: CancellationToken::new(),
            lifetime: Arc::default(),
        }
    }

    /// The peer's leaf certificate, DER.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        self.peer_certificates.first()
    }

    /// Something that is gone when the connection is: what belongs to the connection alone is kept beside it.
    #[must_use]
    pub fn lifetime(&self) -> Weak<()> {
        Arc::downgrade(&self.lifetime)
    }

    /// Ends the connection once the requests in flight are answered.
    pub fn close(&self) {
        self.close.cancel();
    }
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remote {
    /// A TCP peer.
    Tcp(SocketAddr),
    /// A process on this machine, through a Unix socket.
    Unix,
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}
