//! TLS by flags: ours for both ports, TensorFlow Serving's file for gRPC.

use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes, Frame};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::Code;

use crate::confidential::{Authority, predict_grpc, predict_rest};
use crate::support::{ClientTls, plain_digits, request_tls, start};

struct Files {
    folder: tempfile::TempDir,
    servers: Authority,
    clients: Authority,
}

impl Files {
    fn new() -> Self {
        let files = Self {
            folder: tempfile::tempdir().expect("temporary folder"),
            servers: Authority::new(),
            clients: Authority::new(),
        };
        files.servers.server(files.folder.path());
        fs::write(files.path("clients.pem"), &files.clients.pem).expect("write");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn flag(&self, flag: &str, name: &str) -> String {
        format!("--{flag}={}", self.path(name).display())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_without_a_certificate_of_the_authority_are_turned_away() {
    let files = Files::new();
    let mut flags = plain_digits();
    flags.push(files.flag("tls_certificate_file", "chain.pem"));
    flags.push(files.flag("tls_key_file", "key.pem"));
    let server = start(&flags).await;
    let nobody = files.servers.trusted_by(None);
    assert_eq!(predict_rest(&server, &nobody).await, StatusCode::OK);
    assert_eq!(predict_grpc(&server, &nobody).await, Code::Ok);

    flags.push(files.flag("tls_client_ca_file", "clients.pem"));
    let server = start(&flags).await;
    let client = files.servers.trusted_by(Some(files.clients.client().0));
    let stranger = files.servers.trusted_by(Some(files.servers.client().0));
    assert_eq!(predict_rest(&server, &client).await, StatusCode::OK);
    assert_eq!(predict_grpc(&server, &client).await, Code::Ok);
    for turned_away in [&nobody, &stranger] {
        for address in [server.addresses.rest_addr, server.addresses.grpc_addr] {
            assert!(!is_served(turned_away, address).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_original_file_protects_grpc() {
    let files = Files::new();
    let text = |name: &str| {
        fs::read_to_string(files.path(name))
            .expect("read")
            .replace('\n', "\\n")
    };
    let config = format!(
        "server_key: \"{}\"\nserver_cert: \"{}\"\ncustom_ca: \"{}\"\nclient_verify: true\n",
        text("key.pem"),
        text("chain.pem"),
        text("clients.pem")
    );
    fs::write(files.path("ssl.txt"), config).expect("write");
    let mut flags = plain_digits();
    flags.push(files.flag("ssl_config_file", "ssl.txt"));
    let server = start(&flags).await;
    let client = files.servers.trusted_by(Some(files.clients.client().0));
    assert_eq!(predict_grpc(&server, &client).await, Code::Ok);
    assert!(!is_served(&files.servers.trusted_by(None), server.addresses.grpc_addr).await);
}

// With TLS 1.3 a client learns of its refusal with the first answer, not in the handshake.
async fn is_served(tls: &ClientTls, address: Option<std::net::SocketAddr>) -> bool {
    let Ok(stream) = tls.connect(address, b"h2").await else {
        return false;
    };
    let (mut send, connection) = match hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(stream),
    )
    .await
    {
        Ok(pair) => pair,
        Err(_) => return false,
    };
    tokio::spawn(connection);
    let request =
        Request::get("https://localhost/v1/models/digits").body(Full::<hyper::body::Bytes>::default());
    send.send_request(request.expect("a request")).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rest_answers_http_1_and_2_behind_tls() {
    let files = Files::new();
    let mut flags = plain_digits();
    flags.push(files.flag("tls_certificate_file", "chain.pem"));
    flags.push(files.flag("tls_key_file", "key.pem"));
    let server = start(&flags).await;
    let tls = files.servers.trusted_by(None);
    let request = Request::get("/v1/models/digits")
        .body(Full::default())
        .expect("a request");
    assert_eq!(
        request_tls(server.addresses.rest_addr, &tls, request)
            .await
            .status,
        StatusCode::OK
    );
    assert!(is_served(&tls, server.addresses.rest_addr).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_behind_tls_where_rest_is() {
    let files = Files::new();
    let monitoring = "prometheus_config { enable: true, path: \"/metrics\" }";
    fs::write(files.path("monitoring.txt"), monitoring).expect("write");
    let mut flags = plain_digits();
    flags.push(files.flag("tls_certificate_file", "chain.pem"));
    flags.push(files.flag("tls_key_file", "key.pem"));
    flags.push(files.flag("tls_client_ca_file", "clients.pem"));
    flags.push(files.flag("monitoring_config_file", "monitoring.txt"));
    let server = start(&flags).await;
    let metrics = |path: &str| Request::get(path).body(Full::default()).expect("a request");
    let client = files.servers.trusted_by(Some(files.clients.client().0));
    let answer = request_tls(server.addresses.rest_addr, &client, metrics("/metrics")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(
        answer.text().contains(":tensorflow:serving:request_count"),
        "{}",
        answer.text()
    );
    for (path, status) in [
        ("/monitoring/prometheus/metrics", StatusCode::NOT_FOUND),
        ("/healthz", StatusCode::OK),
    ] {
        let answer = crate::support::get(server.addresses.health_addr, path).await;
        assert_eq!(answer.status, status, "{path}");
    }
}

/// Files of authorities are followed as those of identities are; half a renewal changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_client_authority_holds_without_a_restart() {
    let files = Files::new();
    let mut flags = plain_digits();
    flags.push(files.flag("tls_certificate_file", "chain.pem"));
    flags.push(files.flag("tls_key_file", "key.pem"));
    flags.push(files.flag("tls_client_ca_file", "clients.pem"));
    let server = start(&flags).await;
    let old = files.servers.trusted_by(Some(files.clients.client().0));
    let new = files.servers.trusted_by(Some(files.servers.client().0));
    assert!(is_served(&old, server.addresses.rest_addr).await);
    fs::write(files.path("clients.pem"), "no certificate").expect("write");
    assert!(!is_served(&new, server.addresses.rest_addr).await);
    assert!(is_served(&old, server.addresses.rest_addr).await);
    fs::write(files.path("clients.pem"), &files.servers.pem).expect("write");
    let waiting = async {
        while !is_served(&new, server.addresses.rest_addr).await {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let patience = std::time::Duration::from_secs(60);
    tokio::time::timeout(patience, waiting)
        .await
        .expect("the new authority");
    assert!(!is_served(&old, server.addresses.rest_addr).await);
}

/// A body of parts, which counts those that were sent.
struct Counted {
    left: usize,
    sent: Arc<AtomicUsize>,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.sent.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b' '; 1 << 16])))))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_reaches_a_client_of_http_2_that_still_sends() {
    let files = Files::new();
    let mut flags = plain_digits();
    flags.push(files.flag("tls_certificate_file", "chain.pem"));
    flags.push(files.flag("tls_key_file", "key.pem"));
    let server = start(&flags).await;
    let tls = files.servers.trusted_by(None);
    for (path, status, text) in [
        ("/v1/models/digits:classify", 400, "JSON Parse error"),
        ("/v1/models/m:classify", 400, "JSON Parse error"),
        ("/v1/models/digits", 400, "Malformed request"),
    ] {
        let stream = tls
            .connect(server.addresses.rest_addr, b"h2")
            .await
            .expect("a handshake");
        let (mut send, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .expect("HTTP/2");
        tokio::spawn(connection);
        let sent = Arc::new(AtomicUsize::new(0));
        // More than the server's window: the end arrives only if the server reads.
        let body = Counted {
            left: PARTS,
            sent: Arc::clone(&sent),
        };
        let request = Request::post(format!("https://localhost{path}")).body(body);
        let answer = send
            .send_request(request.expect("a request"))
            .await
            .expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(sent.load(Ordering::SeqCst), PARTS, "{path}");
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert!(body["error"].as_str().expect("a text").contains(text), "{path}");
    }
}

/// Of 64 KiB each.
const PARTS: usize = 24;
