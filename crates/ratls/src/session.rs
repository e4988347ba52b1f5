//! One TLS 1.3 connection with what both its ends know of it, and nobody in between.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::{ConnectionCommon, HandshakeKind, ProtocolVersion, SideData};
use rustls_pki_types::{CertificateDer, ServerName};
use strongroom_crypto::label;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::client::Target;
use crate::error::ConnectError;

/// Length of the exporter that evidence is bound to.
pub const EXPORTER_BYTES: usize = 32;

/// The exporter that evidence is bound to (RFC 8446 §7.5): label [`label::EXPORTER`], empty context, for both ends the
/// same and for no other connection.
///
/// # Errors
/// A reason, when nothing may be bound to the connection: TLS 1.2, a resumed session, an unfinished handshake.
pub fn exporter<S: SideData>(connection: &ConnectionCommon<S>) -> Result<[u8; EXPORTER_BYTES], &'static str> {
    if connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Err("it is not TLS 1.3");
    }
    if matches!(connection.handshake_kind(), None | Some(HandshakeKind::Resumed)) {
        return Err("it resumes an earlier session");
    }
    connection
        .export_keying_material([0; EXPORTER_BYTES], label::EXPORTER.as_bytes(), Some(&[]))
        .map_err(|_| "it gives no exporter")
}

/// An open session, as client.
#[derive(Debug)]
pub struct Session {
    tls: TlsStream<TcpStream>,
    facts: Arc<SessionFacts>,
}

/// What this end knows of a session, from its own view.
#[derive(Debug, Clone)]
pub struct SessionFacts {
    exporter: [u8; EXPORTER_BYTES],
    peer_certificates: Vec<CertificateDer<'static>>,
    own_certificate: Option<CertificateDer<'static>>,
    alpn: Option<Vec<u8>>,
    remote: Option<SocketAddr>,
    server_name: ServerName<'static>,
}

impl SessionFacts {
    /// The exporter that evidence on this session is bound to.
    #[must_use]
    pub const fn exporter(&self) -> &[u8; EXPORTER_BYTES] {
        &self.exporter
    }

    /// The server's certificates as TLS received them, leaf first; at least one.
    #[must_use]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.peer_certificates
    }

    /// The server's leaf certificate, DER.
    #[must_use]
    pub fn server_certificate(&self) -> &CertificateDer<'static> {
        self.peer_certificates
            .first()
            .expect("a session has a server certificate: see Session::new")
    }

    /// The certificate that this end presents when asked, DER.
    #[must_use]
    pub const fn own_certificate(&self) -> Option<&CertificateDer<'static>> {
        self.own_certificate.as_ref()
    }

    /// The protocol that was agreed on, such as `h2`.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// Where the server is, for logs only.
    #[must_use]
    pub const fn remote(&self) -> Option<SocketAddr> {
        self.remote
    }

    /// The name that the server was asked to have.
    #[must_use]
    pub const fn server_name(&self) -> &ServerName<'static> {
        &self.server_name
    }
}

impl std::ops::Deref for Session {
    type Target = SessionFacts;

    fn deref(&self) -> &SessionFacts {
        &self.facts
    }
}

impl Session {
    pub(crate) fn new(tls: TlsStream<TcpStream>, target: &Target) -> Result<Self, ConnectError> {
        let not_bindable = |reason| ConnectError::NotBindable {
            address: target.address().to_owned(),
            reason,
        };
        let (tcp, connection) = tls.get_ref();
        let exporter = exporter(connection).map_err(not_bindable)?;
        let certificates = connection.peer_certificates().unwrap_or_default();
        if certificates.is_empty() {
            return Err(not_bindable("the server shows no certificate"));
        }
        let facts = SessionFacts {
            exporter,
            peer_certificates: certificates
                .iter()
                .map(|certificate| certificate.clone().into_owned())
                .collect(),
            own_certificate: target.identity().map(|identity| identity.certificate().clone()),
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            remote: tcp.peer_addr().ok(),
            server_name: target.server_name().clone(),
        };
        Ok(Self {
            tls,
            facts: Arc::new(facts),
        })
    }

    /// What this end knows of the session; outlives it.
    #[must_use]
    pub fn facts(&self) -> Arc<SessionFacts> {
        Arc::clone(&self.facts)
    }

    /// The connection itself, to speak on.
    #[must_use]
    pub fn into_io(self) -> TlsStream<TcpStream> {
        self.tls
    }
}
