//! Server configurations: no tickets, no resumption, no early data, so each connection has a handshake and an exporter
//! of its own that evidence can be bound to.

use std::sync::Arc;

use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::{ServerConfig, SupportedProtocolVersion};

use crate::client::Alpn;
use crate::danger::AnyClient;
use crate::error::TlsConfigError;
use crate::verifier::{Signatures, provider};

/// Which TLS versions a port speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// TLS 1.3 only: ports on which evidence travels.
    Tls13,
    /// TLS 1.2 as well, for others' clients. A connection over it has no exporter, so nothing can be bound to it.
    Tls12And13,
}

/// What a port asks of clients. Certificates are taken as they are, their key is checked; the program decides who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Not asked for.
    None,
    /// Asked for; a client may come without.
    Optional,
    /// A client without one is refused.
    Required,
}

/// How a port speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerSettings {
    /// TLS versions.
    pub versions: Versions,
    /// Client certificates.
    pub clients: ClientCertificates,
    /// Protocols on top.
    pub alpn: Alpn,
}

/// A server configuration that presents what `resolver` gives.
///
/// # Errors
/// [`TlsConfigError::Configuration`].
pub fn server_config(
    resolver: Arc<dyn ResolvesServerCert>,
    settings: ServerSettings,
) -> Result<Arc<ServerConfig>, TlsConfigError> {
    let versions: &[&SupportedProtocolVersion] = match settings.versions {
        Versions::Tls13 => &[&rustls::version::TLS13],
        Versions::Tls12And13 => &[&rustls::version::TLS13, &rustls::version::TLS12],
    };
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .map_err(TlsConfigError::Configuration)?;
    let any_client = |required| {
        Arc::new(AnyClient {
            required,
            signatures: Signatures::new(),
        })
    };
    let builder = match settings.clients {
        ClientCertificates::None => builder.with_no_client_auth(),
        ClientCertificates::Optional => builder.with_client_cert_verifier(any_client(false)),
        ClientCertificates::Required => builder.with_client_cert_verifier(any_client(true)),
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = settings.alpn.protocols();
    Ok(Arc::new(config))
}
