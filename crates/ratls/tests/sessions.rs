//! Sessions: what both ends know of them, and which ones nothing may be bound to.

mod common;

use std::sync::Arc;

use common::{Presents, accept, authority, listen, server};
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, HandshakeKind, ServerConfig};
use rustls_pki_types::ServerName;
use strongroom_ratls::{
    Alpn, ClientCertificates, ConnectError, Identity, PinnedRoot, ServerSettings, Session, Target, Trust,
    Versions, connect, exporter,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const MESH: ServerSettings = ServerSettings {
    versions: Versions::Tls13,
    clients: ClientCertificates::Required,
    alpn: Alpn::Http2,
};
const REST: ServerSettings = ServerSettings {
    versions: Versions::Tls12And13,
    clients: ClientCertificates::Optional,
    alpn: Alpn::Http1,
};

/// What a server saw of one connection, or why it would bind nothing to it.
struct Seen {
    exporter: Result<[u8; 32], &'static str>,
    kind: Option<HandshakeKind>,
    client_certificate: Option<Vec<u8>>,
}

/// Accepts connections one after the other; says hello on each, and tells what it saw.
async fn serve(config: Arc<ServerConfig>) -> (String, tokio::sync::mpsc::Receiver<std::io::Result<Seen>>) {
    let (listener, address) = listen().await;
    let (tell, told) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        loop {
            let seen = match accept(&listener, &config).await {
                Ok(mut stream) => {
                    let (_, connection) = stream.get_ref();
                    let certificates = connection.peer_certificates().unwrap_or_default();
                    let seen = Seen {
                        exporter: exporter(connection),
                        kind: connection.handshake_kind(),
                        client_certificate: certificates.first().map(|certificate| certificate.to_vec()),
                    };
                    // A client that does not read this far never sees tickets either.
                    let _ = stream.write_all(b"hello").await;
                    let _ = stream.shutdown().await;
                    Ok(seen)
                }
                Err(error) => Err(error),
            };
            if tell.send(seen).await.is_err() {
                return;
            }
        }
    });
    (address, told)
}

async fn hello(session: Session) -> std::io::Result<String> {
    let mut text = String::new();
    session.into_io().read_to_string(&mut text).await.map(|_| text)
}

#[tokio::test]
async fn both_ends_have_one_exporter_and_each_connection_its_own() {
    let root = authority();
    let client = authority().identity();
    let (address, mut seen) = serve(server(&root.identity(), MESH)).await;
    let target = Target::new(&address, Alpn::Http2)
        .expect("an address")
        .presenting(client.clone());
    let trust = Trust::Pinned(PinnedRoot::new(root.certificate.clone()));
    let mut exporters = Vec::new();
    for _ in 0..2 {
        let session = connect(&target, &trust).await.expect("the pinned server");
        let server_side = seen.recv().await.expect("told").expect("accepted");
        assert_eq!(server_side.exporter, Ok(*session.exporter()));
        assert_eq!(server_side.kind, Some(HandshakeKind::Full));
        assert_eq!(
            server_side.client_certificate.as_deref(),
            Some(client.certificate().as_ref())
        );
        assert_eq!(session.server_certificate().as_ref(), root.certificate.der());
        assert_eq!(session.own_certificate(), Some(client.certificate()));
        assert_eq!(session.alpn(), Some(&b"h2"[..]));
        exporters.push(*session.exporter());
        assert_eq!(hello(session).await.expect("a hello"), "hello");
    }
    assert_ne!(
        exporters[0], exporters[1],
        "evidence of one connection is worth nothing on another"
    );
}

#[tokio::test]
async fn client_certificates_are_asked_for_as_the_port_says() {
    let root = authority();
    let trust = Trust::Pinned(PinnedRoot::new(root.certificate.clone()));
    let (address, mut seen) = serve(server(&root.identity(), REST)).await;
    let target = Target::new(&address, Alpn::Http1).expect("an address");
    let session = connect(&target, &trust).await.expect("without a certificate");
    assert_eq!(hello(session).await.expect("a hello"), "hello");
    assert!(
        seen.recv()
            .await
            .expect("told")
            .expect("accepted")
            .client_certificate
            .is_none()
    );

    let (address, mut seen) = serve(server(&root.identity(), MESH)).await;
    let target = Target::new(&address, Alpn::Http2).expect("an address");
    if let Ok(session) = connect(&target, &trust).await {
        hello(session)
            .await
            .expect_err("TLS 1.3 tells a client after its own handshake");
    }
    assert!(seen.recv().await.expect("told").is_err(), "required");
}

#[tokio::test]
async fn a_client_without_the_key_of_its_certificate_is_refused() {
    let root = authority();
    let (victim, thief) = (authority(), authority().identity());
    let stolen = vec![victim.certificate.der().to_vec().into()];
    let forged = CertifiedKey::new(stolen, Arc::clone(&thief.certified_key().key));
    let mut config = client_config(&root.certificate, &[&rustls::version::TLS13]);
    config.client_auth_cert_resolver = Arc::new(Shows(Arc::new(forged)));
    for settings in [MESH, REST] {
        let (address, mut seen) = serve(server(&root.identity(), settings)).await;
        let _ = dial(&address, &Arc::new(config.clone())).await;
        assert!(seen.recv().await.expect("told").is_err(), "{settings:?}");
    }
}

#[tokio::test]
async fn a_server_without_the_key_of_its_certificate_is_refused() {
    let (root, thief) = (authority(), authority().identity());
    let stolen = vec![root.certificate.der().to_vec().into()];
    let forged = CertifiedKey::new(stolen, Arc::clone(&thief.certified_key().key));
    let config = strongroom_ratls::server_config(Arc::new(Presents(Arc::new(forged))), REST).expect("usable");
    let (address, _seen) = serve(config).await;
    let target = Target::new(&address, Alpn::Http1).expect("an address");
    let pinned = connect(&target, &Trust::Pinned(PinnedRoot::new(root.certificate))).await;
    assert_eq!(pinned.expect_err("stolen").code(), "channel.certificate");
    let unverified = strongroom_ratls::danger::connect_unverified(&target).await;
    assert_eq!(unverified.expect_err("stolen").code(), "channel.certificate");
}

#[tokio::test]
async fn our_client_refuses_tls_1_2() {
    let root = authority();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("TLS 1.2")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Presents(root.identity().certified_key())));
    let (address, _seen) = serve(Arc::new(config)).await;
    let target = Target::new(&address, Alpn::Http1).expect("an address");
    let refused = connect(&target, &Trust::Pinned(PinnedRoot::new(root.certificate))).await;
    assert!(
        matches!(refused, Err(ConnectError::Handshake { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn nothing_is_bound_to_tls_1_2() {
    let root = authority();
    let (address, mut seen) = serve(server(&root.identity(), REST)).await;
    let config = Arc::new(client_config(&root.certificate, &[&rustls::version::TLS12]));
    dial(&address, &config).await.expect("REST speaks TLS 1.2");
    assert_eq!(
        seen.recv().await.expect("told").expect("accepted").exporter,
        Err("it is not TLS 1.3")
    );

    let (address, mut seen) = serve(server(&root.identity(), MESH)).await;
    dial(&address, &config).await.expect_err("the mesh does not");
    assert!(seen.recv().await.expect("told").is_err());
}

#[tokio::test]
async fn nothing_is_bound_to_a_resumed_session() {
    let root = authority();
    let willing = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Presents(root.identity().certified_key())));
    let (address, mut seen) = serve(Arc::new(willing)).await;
    let config = Arc::new(client_config(&root.certificate, &[&rustls::version::TLS13]));
    dial(&address, &config).await.expect("the first");
    dial(&address, &config).await.expect("the second resumes");
    assert!(
        seen.recv()
            .await
            .expect("told")
            .expect("accepted")
            .exporter
            .is_ok()
    );
    let resumed = seen.recv().await.expect("told").expect("accepted");
    assert_eq!(
        resumed.kind,
        Some(HandshakeKind::Resumed),
        "else this test shows nothing"
    );
    assert_eq!(resumed.exporter, Err("it resumes an earlier session"));
}

#[tokio::test]
async fn our_servers_and_clients_never_resume() {
    let root = authority();
    let eager = Arc::new(client_config(
        &root.certificate,
        &[&rustls::version::TLS13, &rustls::version::TLS12],
    ));
    let (address, mut seen) = serve(server(&root.identity(), REST)).await;
    for _ in 0..2 {
        dial(&address, &eager).await.expect("a connection");
        assert_eq!(
            seen.recv().await.expect("told").expect("accepted").kind,
            Some(HandshakeKind::Full)
        );
    }
    let old = Arc::new(client_config(&root.certificate, &[&rustls::version::TLS12]));
    for _ in 0..2 {
        dial(&address, &old).await.expect("a connection");
        assert_eq!(
            seen.recv().await.expect("told").expect("accepted").kind,
            Some(HandshakeKind::Full)
        );
    }

    let willing = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Presents(root.identity().certified_key())));
    let (address, mut seen) = serve(Arc::new(willing)).await;
    let target = Target::new(&address, Alpn::Http1).expect("an address");
    let trust = Trust::Pinned(PinnedRoot::new(root.certificate));
    for _ in 0..2 {
        hello(connect(&target, &trust).await.expect("a connection"))
            .await
            .expect("a hello");
        assert_eq!(
            seen.recv().await.expect("told").expect("accepted").kind,
            Some(HandshakeKind::Full)
        );
    }
}

#[test]
fn our_servers_offer_nothing_to_resume() {
    for settings in [MESH, REST] {
        let config = server(&authority().identity(), settings);
        assert_eq!(
            (config.send_tls13_tickets, config.max_early_data_size),
            (0, 0),
            "{settings:?}"
        );
        assert!(
            !config.session_storage.can_cache() && !config.ticketer.enabled(),
            "{settings:?}"
        );
    }
}

#[tokio::test]
async fn nobody_there_and_no_address_are_told_apart() {
    let (listener, address) = listen().await;
    drop(listener);
    let trust = Trust::Pinned(PinnedRoot::new(authority().certificate));
    let target = Target::new(&address, Alpn::Http1).expect("an address");
    assert_eq!(
        connect(&target, &trust).await.expect_err("nobody").code(),
        "channel.unreachable"
    );
    for wrong in [
        "",
        "localhost",
        "localhost:",
        "localhost:port",
        "bad name:1",
        ":1",
    ] {
        assert_eq!(
            Target::new(wrong, Alpn::Http1).expect_err(wrong).code(),
            "channel.address"
        );
    }
    Target::new("[::1]:4433", Alpn::Http1).expect("IPv6");
}

#[test]
fn an_identity_is_a_chain_and_its_key() {
    let (one, other) = (authority(), authority());
    let pem = |authority: &common::Authority| authority.certificate.to_pem();
    Identity::from_pem(pem(&one).as_bytes(), one.key.to_pkcs8_pem().as_bytes())
        .expect("they belong together");
    Identity::from_pem(pem(&one).as_bytes(), other.key.to_pkcs8_pem().as_bytes()).expect_err("they do not");
    Identity::from_pem(b"", one.key.to_pkcs8_pem().as_bytes()).expect_err("no chain");
    Identity::from_pem(pem(&one).as_bytes(), b"").expect_err("no key");
}

/// A client of somebody else: resumes where it can.
fn client_config(
    root: &strongroom_crypto::x509::Certificate,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PinnedRoot::new(root.clone())))
        .with_no_client_auth()
}

async fn dial(address: &str, config: &Arc<ClientConfig>) -> std::io::Result<String> {
    let tcp = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.map(|_| text)
}

/// Shows a certificate whatever the key.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl rustls::client::ResolvesClientCert for Shows {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
