//! The listener against raw sockets: what requests learn about their connection, and each limit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::{get, post};
use axum::{Extension, Router};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use strongroom_service::{
    ConnectionInfo, Limits, ListenAddress, Listener, ServerTls, Shutdown, TlsHandle, Transport,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

const LABEL: &[u8] = b"EXPORTER-test";

struct Running {
    address: SocketAddr,
    shutdown: Shutdown,
    served: JoinHandle<()>,
}

async fn start(transport: Transport, limits: Limits) -> Running {
    let router = Router::new()
        .route("/who", get(who))
        .route(
            "/length",
            post(|body: String| async move { body.len().to_string() }),
        )
        .route("/close", get(close))
        .route("/slow", get(slow));
    let listener = Listener::bind(&"127.0.0.1:0".parse().expect("address"))
        .await
        .expect("bind");
    let address = listener.local_addr().expect("tcp");
    let shutdown = Shutdown::new();
    let token = shutdown.clone();
    let served = tokio::spawn(async move {
        listener
            .serve(router, transport, limits, token)
            .await
            .expect("serve");
    });
    Running {
        address,
        shutdown,
        served,
    }
}

async fn who(Extension(info): Extension<Arc<ConnectionInfo>>) -> String {
    format!(
        "{} {:?} {}",
        info.exporter
            .map(|bytes| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
            .unwrap_or_default(),
        info.protocol,
        info.server_certificate
            .as_ref()
            .map_or(0, |certificate| certificate.len()),
    )
}

async fn close(Extension(info): Extension<Arc<ConnectionInfo>>) -> &'static str {
    info.close();
    "closing"
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(200)).await;
    "late"
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("write");
    let mut answer = Vec::new();
    // A peer that cuts the connection is an answer too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn get_request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

struct Identity {
    certificate: CertificateDer<'static>,
    tls: ServerTls,
}

fn identity() -> Identity {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("certificate");
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("config");
    Identity {
        tls: ServerTls::presenting(Arc::new(config), certificate.clone()),
        certificate,
    }
}

async fn tls_connect(
    address: SocketAddr,
    trust: &CertificateDer<'static>,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trust.clone()).expect("root");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.expect("connect");
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost").expect("name"), stream)
        .await
}

#[tokio::test]
async fn requests_see_the_exporter_and_certificate_of_their_own_connection() {
    let identity = identity();
    let tls = TlsHandle::new(identity.tls);
    let running = start(
        Transport::Tls {
            tls: tls.clone(),
            exporter_label: Some(LABEL),
        },
        Limits::default(),
    )
    .await;

    let stream = tls_connect(running.address, &identity.certificate)
        .await
        .expect("handshake");
    let exporter = stream
        .get_ref()
        .1
        .export_keying_material([0u8; 32], LABEL, None)
        .expect("exporter");
    let expected: String = exporter.iter().map(|b| format!("{b:02x}")).collect();
    let answer = exchange(stream, &get_request("/who")).await;
    assert!(
        answer.ends_with(&format!(
            "{expected} Some(TLSv1_3) {}",
            identity.certificate.len()
        )),
        "{answer}"
    );

    // Replaced: the next connection presents the new certificate and no longer the old one.
    let other = self::identity();
    tls.replace(other.tls);
    assert!(tls_connect(running.address, &identity.certificate).await.is_err());
    assert!(tls_connect(running.address, &other.certificate).await.is_ok());
}

#[tokio::test]
async fn plain_connections_have_no_exporter() {
    let running = start(Transport::Plain, Limits::default()).await;
    let stream = TcpStream::connect(running.address).await.expect("connect");
    let answer = exchange(stream, &get_request("/who")).await;
    assert!(answer.ends_with(" None 0"), "{answer}");
}

#[tokio::test]
async fn bodies_over_the_limit_are_answered_413() {
    let running = start(Transport::Plain, Limits::default().with_body_bytes_max(8)).await;
    for (body, expected) in [("12345678", "200 OK"), ("123456789", "413 Payload Too Large")] {
        let stream = TcpStream::connect(running.address).await.expect("connect");
        let length = body.len();
        let request = format!(
            "POST /length HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let answer = exchange(stream, &request).await;
        assert!(answer.contains(expected), "{answer}");
    }
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_whatever_it_looks_like() {
    let limits = Limits {
        header_read_timeout: Duration::from_millis(50),
        ..Limits::default()
    };
    let running = start(Transport::Plain, limits).await;
    for head in ["", "PRI * HT", "GET / HTTP/1.1\r\nhost:"] {
        let stream = TcpStream::connect(running.address).await.expect("connect");
        let answer = tokio::time::timeout(Duration::from_secs(20), exchange(stream, head)).await;
        assert!(answer.is_ok(), "`{head}` holds its connection");
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_cut() {
    let limits = Limits {
        handshake_timeout: Duration::from_millis(50),
        ..Limits::default()
    };
    let transport = Transport::Tls {
        tls: TlsHandle::new(identity().tls),
        exporter_label: None,
    };
    let running = start(transport, limits).await;
    let stream = TcpStream::connect(running.address).await.expect("connect");
    let answer = tokio::time::timeout(Duration::from_secs(20), exchange(stream, "")).await;
    assert_eq!(answer.expect("connection is cut"), "");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_slot() {
    let limits = Limits {
        connections_max: 1,
        ..Limits::default()
    };
    let running = start(Transport::Plain, limits).await;
    let first = TcpStream::connect(running.address).await.expect("connect");
    let waiting = TcpStream::connect(running.address).await.expect("connect");
    let mut second = tokio::spawn(async move { exchange(waiting, &get_request("/who")).await });
    assert!(
        tokio::time::timeout(Duration::from_millis(100), &mut second)
            .await
            .is_err()
    );
    drop(first);
    assert!(second.await.expect("task").contains("200 OK"));
}

#[tokio::test]
async fn drain_answers_what_is_in_flight_and_ends() {
    let running = start(Transport::Plain, Limits::default()).await;
    let stream = TcpStream::connect(running.address).await.expect("connect");
    let request = tokio::spawn(async move { exchange(stream, &get_request("/slow")).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.shutdown.trigger();
    assert!(request.await.expect("task").ends_with("late"));
    running.served.await.expect("serving ends");
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_handler_can_close_its_connection() {
    let running = start(Transport::Plain, Limits::default()).await;
    let stream = TcpStream::connect(running.address).await.expect("connect");
    let answer = exchange(stream, "GET /close HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.ends_with("closing"), "{answer}");
}

#[tokio::test]
async fn unix_sockets_serve_and_replace_what_was_left_over() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("left over"));
    let address: ListenAddress = format!("unix:{}", path.display()).parse().expect("address");
    let listener = Listener::bind(&address).await.expect("bind");
    let router = Router::new().route(
        "/",
        get(|Extension(info): Extension<Arc<ConnectionInfo>>| async move { info.remote.to_string() }),
    );
    tokio::spawn(listener.serve(router, Transport::Plain, Limits::default(), Shutdown::new()));
    let stream = tokio::net::UnixStream::connect(&path).await.expect("connect");
    assert!(exchange(stream, &get_request("/")).await.ends_with("unix"));
}

#[test]
fn addresses() {
    let tcp = |host: &str, port| {
        Some(ListenAddress::Tcp {
            host: host.to_owned(),
            port,
        })
    };
    for (text, expected) in [
        ("127.0.0.1:80", tcp("127.0.0.1", 80)),
        ("[::1]:80", tcp("::1", 80)),
        (":2001", tcp("", 2001)),
        ("localhost:0", tcp("localhost", 0)),
        ("unix:/run/x", Some(ListenAddress::Unix("/run/x".into()))),
        ("unix:x", None),
        ("localhost", None),
        ("localhost:99999", None),
    ] {
        assert_eq!(text.parse::<ListenAddress>().ok(), expected, "{text}");
    }
}
