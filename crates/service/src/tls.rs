//! TLS identities that can be replaced while the program runs. No connection that is open notices.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;

/// A server configuration, and the leaf certificate that it presents where it has exactly one.
#[derive(Debug, Clone)]
pub struct ServerTls {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) certificate: Option<CertificateDer<'static>>,
}

impl ServerTls {
    /// A configuration whose certificate nobody needs to know.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self {
            config,
            certificate: None,
        }
    }

    /// A configuration that always presents `certificate` (the leaf), which requests then find in
    /// [`crate::ConnectionInfo::server_certificate`].
    #[must_use]
    pub fn presenting(config: Arc<ServerConfig>, certificate: CertificateDer<'static>) -> Self {
        Self {
            config,
            certificate: Some(certificate),
        }
    }
}

/// The current [`ServerTls`] of a listener. Clones share it; each connection takes what is current when it is accepted.
#[derive(Clone)]
pub struct TlsHandle {
    current: Arc<RwLock<ServerTls>>,
}

impl TlsHandle {
    /// A handle that holds `tls` until it is replaced.
    #[must_use]
    pub fn new(tls: ServerTls) -> Self {
        Self {
            current: Arc::new(RwLock::new(tls)),
        }
    }

    /// Later connections use `tls`.
    pub fn replace(&self, tls: ServerTls) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = tls;
    }

    /// What a connection that is accepted now would use.
    #[must_use]
    pub fn current(&self) -> ServerTls {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl fmt::Debug for TlsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsHandle").finish_non_exhaustive()
    }
}

/// A certificate resolver whose key and chain can be replaced, for one `ServerConfig` that lives as long as the program.
pub struct ReloadableIdentity {
    current: RwLock<Arc<CertifiedKey>>,
}

impl ReloadableIdentity {
    /// Presents `identity` until it is replaced.
    #[must_use]
    pub fn new(identity: CertifiedKey) -> Arc<Self> {
        Arc::new(Self {
            current: RwLock::new(Arc::new(identity)),
        })
    }

    /// Later handshakes present `identity`.
    pub fn replace(&self, identity: CertifiedKey) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
    }

    /// What a handshake that starts now would present.
    #[must_use]
    pub fn current(&self) -> Arc<CertifiedKey> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ResolvesServerCert for ReloadableIdentity {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl fmt::Debug for ReloadableIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadableIdentity").finish_non_exhaustive()
    }
}
