//! A small public-key infrastructure, and servers on port 0 of this machine.

#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part")]

use std::net::IpAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, Names};
use strongroom_ratls::{Identity, ServerSettings, server_config};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The time in certificates: wide enough that no test depends on the clock.
pub(crate) const BEGIN: UnixTime = UnixTime(1_000_000_000);
pub(crate) const END: UnixTime = UnixTime(9_000_000_000);

/// A certification authority that also serves TLS, as the coordinator's root does.
pub(crate) struct Authority {
    pub(crate) key: SigningKey,
    pub(crate) certificate: Certificate,
}

pub(crate) fn authority() -> Authority {
    let key = SigningKey::generate_p384();
    let certificate = issue::self_signed(&template(Usage::Authority), &key, &SystemRandom).expect("a root");
    Authority { key, certificate }
}

pub(crate) fn template(usage: Usage) -> Template {
    Template {
        common_name: "MarbleRun Coordinator".to_owned(),
        names: Names {
            dns: vec!["localhost".to_owned()],
            ip: vec![IpAddr::from([127, 0, 0, 1])],
        },
        not_before: BEGIN,
        not_after: END,
        usage,
        extensions: Vec::new(),
    }
}

impl Authority {
    pub(crate) fn identity(&self) -> Identity {
        Identity::new(std::slice::from_ref(&self.certificate), &self.key).expect("an identity")
    }

    /// A leaf under this authority, changed as asked.
    pub(crate) fn leaf(&self, change: impl FnOnce(&mut Template)) -> (Certificate, SigningKey) {
        let key = SigningKey::generate_p384();
        let mut template = template(Usage::Leaf);
        template.common_name = "leaf".to_owned();
        change(&mut template);
        let issuer = issue::Authority::new("MarbleRun Coordinator", &self.key);
        (
            issuer
                .issue(&template, key.spki_der(), &SystemRandom)
                .expect("a leaf"),
            key,
        )
    }
}

/// The extension that names a marble's type.
pub(crate) fn marble_type(name: &str) -> (Vec<u64>, Vec<u8>) {
    (vec![1, 3, 9903, 2, 1], name.as_bytes().to_vec())
}

/// Presents one identity.
#[derive(Debug)]
pub(crate) struct Presents(pub(crate) Arc<CertifiedKey>);

impl ResolvesServerCert for Presents {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

pub(crate) fn server(identity: &Identity, settings: ServerSettings) -> Arc<ServerConfig> {
    server_config(Arc::new(Presents(identity.certified_key())), settings).expect("a configuration")
}

/// Listens on a free port, and gives the address that a client calls.
pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

pub(crate) async fn accept(
    listener: &TcpListener,
    config: &Arc<ServerConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let (tcp, _) = listener.accept().await?;
    TlsAcceptor::from(Arc::clone(config)).accept(tcp).await
}
