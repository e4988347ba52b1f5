//! Opening a session: one TCP connection, one TLS 1.3 handshake, no second try.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::{ConnectError, IdentityError, TlsConfigError};
use crate::identity::Identity;
use crate::marble::MarbleVerifier;
use crate::pinned::PinnedRoot;
use crate::session::Session;
use crate::verifier::provider;

/// How long connecting and the TLS handshake may take together.
pub const CONNECT_SECONDS_MAX: u64 = 10;

/// Protocols on top of TLS (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// Either, HTTP/2 first.
    Any,
}

impl Alpn {
    pub(crate) fn protocols(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2"],
            Self::Any => &[b"h2", b"http/1.1"],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}

/// Whom to call, under which name, as whom.
#[derive(Debug, Clone)]
pub struct Target {
    address: String,
    server_name: ServerName<'static>,
    identity: Option<Identity>,
    alpn: Alpn,
}

impl Target {
    /// Calls `address` (`host:port`, IPv6 in brackets), and expects the server to have the host's name.
    ///
    /// # Errors
    /// [`ConnectError::Address`], [`ConnectError::ServerName`].
    pub fn new(address: &str, alpn: Alpn) -> Result<Self, ConnectError> {
        let malformed = || ConnectError::Address(address.to_owned());
        let (host, port) = address.rsplit_once(':').ok_or_else(malformed)?;
        port.parse::<u16>().map_err(|_| malformed())?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        Ok(Self {
            address: address.to_owned(),
            server_name: server_name(host)?,
            identity: None,
            alpn,
        })
    }

    /// Expects another name of the server: a DNS name or an IP address.
    ///
    /// # Errors
    /// [`ConnectError::ServerName`].
    pub fn named(self, name: &str) -> Result<Self, ConnectError> {
        Ok(Self {
            server_name: server_name(name)?,
            ..self
        })
    }

    /// Presents this identity where the server asks for one.
    #[must_use]
    pub fn presenting(self, identity: Identity) -> Self {
        Self {
            identity: Some(identity),
            ..self
        }
    }

    /// The address as given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(crate) const fn server_name(&self) -> &ServerName<'static> {
        &self.server_name
    }

    pub(crate) const fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }
}

/// Whom to accept at the other end.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Trust {
    /// A marble under the current marble root.
    Marble(MarbleVerifier),
    /// The coordinator whose root certificate is pinned.
    Pinned(PinnedRoot),
}

/// Opens a session with a server that `trust` accepts.
///
/// # Errors
/// [`ConnectError`]; [`ConnectError::Identity`] when somebody else answers.
pub async fn connect(target: &Target, trust: &Trust) -> Result<Session, ConnectError> {
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Marble(marble) => Arc::new(marble.clone()),
        Trust::Pinned(root) => Arc::new(root.clone()),
    };
    open(target, verifier).await
}

pub(crate) async fn open(
    target: &Target,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<Session, ConnectError> {
    let config = config(target, verifier)?;
    let limit = Duration::from_secs(CONNECT_SECONDS_MAX);
    tokio::time::timeout(limit, handshake(target, config))
        .await
        .map_err(|_| ConnectError::Timeout {
            address: target.address.clone(),
            seconds: CONNECT_SECONDS_MAX,
        })?
}

async fn handshake(target: &Target, config: ClientConfig) -> Result<Session, ConnectError> {
    let address = target.address.clone();
    let tcp = TcpStream::connect(&target.address)
        .await
        .map_err(|source| ConnectError::Unreachable {
            address: address.clone(),
            source,
        })?;
    // Small requests and answers follow each other: waiting to fill a packet would only add latency.
    tcp.set_nodelay(true)
        .map_err(|source| ConnectError::Unreachable { address, source })?;
    let tls = TlsConnector::from(Arc::new(config))
        .connect(target.server_name.clone(), tcp)
        .await
        .map_err(|error| refusal(&target.address, error))?;
    Session::new(tls, target)
}

fn config(target: &Target, verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, TlsConfigError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsConfigError::Configuration)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &target.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder.with_client_cert_resolver(Arc::new(Presents(identity.clone()))),
    };
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.alpn_protocols = target.alpn.protocols();
    Ok(config)
}

/// Presents one identity to whoever asks.
#[derive(Debug)]
struct Presents(Identity);

impl rustls::client::ResolvesClientCert for Presents {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(self.0.certified_key())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Finds our own reason inside what TLS reports.
fn refusal(address: &str, error: io::Error) -> ConnectError {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let address = address.to_owned();
    if let Some(rustls::Error::InvalidCertificate(certificate)) = tls {
        let ours = match certificate {
            rustls::CertificateError::Other(other) => other.0.downcast_ref::<IdentityError>().cloned(),
            _ => None,
        };
        let reason = ours.unwrap_or_else(|| IdentityError::Certificate(certificate.to_string()));
        return ConnectError::Identity { address, reason };
    }
    ConnectError::Handshake {
        address,
        source: error,
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, ConnectError> {
    ServerName::try_from(name.to_owned()).map_err(|_| ConnectError::ServerName(name.to_owned()))
}
