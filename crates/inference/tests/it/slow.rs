//! Clients of REST that are slow, silent, many, or wrong about what they send: what becomes of them, and that others
//! are served meanwhile.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{self, Running, digits, get, plain_digits, post, request};

const PREDICT: &str = "/v1/models/digits:predict";

async fn connect(server: &Running) -> TcpStream {
    let address = server.addresses.rest_addr.expect("an address");
    TcpStream::connect(address).await.expect("a connection")
}

/// What a server says to `text` until it closes the connection.
async fn said_to(server: &Running, text: &str) -> String {
    let mut stream = connect(server).await;
    stream.write_all(text.as_bytes()).await.expect("write");
    stream.shutdown().await.expect("shut down");
    let mut answer = String::new();
    // A connection that is reset has said what it said.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

async fn is_served(server: &Running) {
    let answer = get(server.addresses.rest_addr, "/v1/models/digits").await;
    assert_eq!(answer.status, StatusCode::OK);
}

fn head(length: &str) -> String {
    format!("POST {PREDICT} HTTP/1.1\r\nhost: m\r\n{length}\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_come_is_answered_408() {
    let mut config = support::config(&plain_digits());
    config.limits.rest_timeout = Duration::from_millis(300);
    let server = support::serve(config).await.expect("a server");
    let mut stream = connect(&server).await;
    let text = head("content-length: 100\r\n") + "{\"instances\":";
    stream.write_all(text.as_bytes()).await.expect("write");
    let mut answer = vec![0; 32];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert!(
        answer.starts_with(b"HTTP/1.1 408 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    is_served(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_ends_early_is_no_request() {
    let server = digits().await;
    for text in [
        head("content-length: 100\r\n") + "{\"instances\":[1]}",
        head("transfer-encoding: chunked\r\n") + "5\r\n{\"ins",
        head("transfer-encoding: chunked\r\n") + "zz\r\n{}\r\n0\r\n\r\n",
    ] {
        let answer = said_to(&server, &text).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
            "{text}: {answer}"
        );
        is_served(&server).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lengths_that_cannot_be_are_refused() {
    let server = digits().await;
    for length in [
        "content-length: -1\r\n",
        "content-length: 2x\r\n",
        "content-length: 99999999999999999999999\r\n",
        "content-length: 2\r\ncontent-length: 3\r\n",
    ] {
        let answer = said_to(&server, &(head(length) + "{}")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{length}: {answer}");
        is_served(&server).await;
    }
    // Shorter than what is sent: the body ends there, and the rest is no request.
    let answer = said_to(
        &server,
        &(head("content-length: 2\r\n") + "{}{\"instances\":[1]}\r\n\r\n"),
    )
    .await;
    assert!(answer.contains("Missing 'inputs' or 'instances' key"), "{answer}");
    assert!(!answer.contains("HTTP/1.1 200 "), "{answer}");
    is_served(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_one_piece_are_answered_in_their_order() {
    let server = digits().await;
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: m\r\n\r\n");
    let last = "GET /v1/models HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n";
    let text = one("/v1/models/digits") + &one("/v1/models/m") + last;
    let mut stream = connect(&server).await;
    stream.write_all(text.as_bytes()).await.expect("write");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("read");
    let places: Vec<Option<usize>> = ["AVAILABLE", "Could not find any versions", "Missing model name"]
        .iter()
        .map(|part| answer.find(part))
        .collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{answer}"
    );
}

/// As many as the usual limit of open files lets one process hold both ends of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_connections_leave_others_served() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let files = limit.maximum.unwrap_or(u64::MAX).min(1 << 16);
    let raised = rustix::process::Rlimit {
        current: Some(files),
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).expect("within the limit");
    let count = ((files.saturating_sub(256)) / 2).min(1500) as usize;
    assert!(count > 300, "{files} open files are too few for this test");
    let server = digits().await;
    let mut idle = Vec::with_capacity(count);
    for _ in 0..count {
        idle.push(connect(&server).await);
    }
    for _ in 0..3 {
        is_served(&server).await;
    }
    // The idle ones were accepted: each still gets an answer.
    let last = idle.last_mut().expect("a connection");
    last.write_all(b"GET /v1/models/digits HTTP/1.1\r\nhost: m\r\n\r\n")
        .await
        .expect("write");
    let mut answer = [0; 15];
    last.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_and_endless_documents_are_refused() {
    let server = digits().await;
    let rest = server.addresses.rest_addr;
    let deep = post(rest, PREDICT, format!("{{\"instances\":{}", "[".repeat(1 << 20))).await;
    assert_eq!(deep.status, StatusCode::BAD_REQUEST);
    assert!(deep.error().contains("nested too deeply"), "{}", deep.error());
    let other = post(
        rest,
        PREDICT,
        format!("{{\"other\":{}", "{\"a\":".repeat(1 << 18)),
    )
    .await;
    assert!(other.error().contains("nested too deeply"), "{}", other.error());
    is_served(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_unpacked_counts_as_empty() {
    let server = digits().await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(br#"{"instances":[1]}"#).expect("memory");
    let packed = encoder.finish().expect("memory");
    for body in [
        &packed[..packed.len() - 9],
        b"no gzip at all".as_slice(),
        b"".as_slice(),
    ] {
        let sent = Request::post(PREDICT)
            .header("content-encoding", "gzip")
            .body(Full::new(body.to_vec().into()));
        let answer = request(server.addresses.rest_addr, sent.expect("a request")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(
            answer.error(),
            "JSON Parse error: The document is empty. at offset: 0"
        );
    }
}
