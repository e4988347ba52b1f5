//! HTTP over one session.

mod common;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use common::{authority, listen, server};
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use strongroom_ratls::channel::HttpConnection;
use strongroom_ratls::{
    Alpn, ClientCertificates, PinnedRoot, ServerSettings, Target, Trust, Versions, connect,
};
use tower_service::Service;

/// Answers with what it was asked; `/close` ends the connection after its answer. Counts connections.
async fn echo(root: &common::Authority, alpn: Alpn) -> (String, Arc<AtomicUsize>) {
    let settings = ServerSettings {
        versions: Versions::Tls13,
        clients: ClientCertificates::None,
        alpn,
    };
    let config = server(&root.identity(), settings);
    let (listener, address) = listen().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok(stream) = common::accept(&listener, &config).await {
            counted.fetch_add(1, Ordering::SeqCst);
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let io = TokioIo::new(stream);
            tokio::spawn(async move {
                if http2 {
                    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(io, service_fn(answer))
                        .await;
                } else {
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(io, service_fn(answer))
                        .await;
                }
            });
        }
    });
    (address, connections)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .map(str::to_owned);
    let authority = request
        .uri()
        .authority()
        .map(ToString::to_string)
        .or(host)
        .unwrap_or_default();
    let line = format!("{} {} {authority} ", request.method(), request.uri().path());
    let close = request.uri().path() == "/close";
    let body = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let mut response = Response::new(Full::new([line.as_bytes(), &body].concat().into()));
    if close {
        response
            .headers_mut()
            .insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    Ok(response)
}

async fn open(root: &common::Authority, address: &str, alpn: Alpn) -> HttpConnection {
    let target = Target::new(address, alpn)
        .expect("an address")
        .named("localhost")
        .expect("a name");
    let session = connect(&target, &Trust::Pinned(PinnedRoot::new(root.certificate.clone()))).await;
    HttpConnection::open(session.expect("a session"))
        .await
        .expect("HTTP")
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(body.to_vec()).expect("text")
}

#[tokio::test]
async fn speaks_http_1_1_and_http_2_as_tls_agreed() {
    let root = authority();
    for (alpn, version) in [
        (Alpn::Http1, "HTTP/1.1"),
        (Alpn::Http2, "HTTP/2"),
        (Alpn::Any, "HTTP/2"),
    ] {
        let (address, connections) = echo(&root, Alpn::Any).await;
        let connection = open(&root, &address, alpn).await;
        assert!(format!("{connection:?}").contains(version), "{connection:?}");
        let port = address.rsplit_once(':').expect("a port").1;
        for body in ["one", "two"] {
            let request = Request::post("/path")
                .body(Full::new(Bytes::from(body)))
                .expect("a request");
            let answer = text(connection.send(request).await.expect("an answer")).await;
            assert_eq!(answer, format!("POST /path localhost:{port} {body}"));
        }
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn requests_of_clones_share_the_connection() {
    let root = authority();
    for alpn in [Alpn::Http1, Alpn::Http2] {
        let (address, connections) = echo(&root, alpn).await;
        let connection = open(&root, &address, alpn).await;
        let ask = |number: usize| {
            let connection = connection.clone();
            async move {
                let request = Request::get(format!("/{number}"))
                    .body(Empty::<Bytes>::new())
                    .expect("a request");
                text(connection.send(request).await.expect("an answer")).await
            }
        };
        let (one, two, three) = tokio::join!(ask(1), ask(2), ask(3));
        assert!(one.starts_with("GET /1 ") && two.starts_with("GET /2 ") && three.starts_with("GET /3 "));
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn never_reconnects() {
    let root = authority();
    let (address, connections) = echo(&root, Alpn::Http1).await;
    let connection = open(&root, &address, Alpn::Http1).await;
    let request = |path: &str| Request::get(path).body(Empty::<Bytes>::new()).expect("a request");
    text(connection.send(request("/close")).await.expect("the last answer")).await;
    for _ in 0..2 {
        let lost = connection
            .send(request("/again"))
            .await
            .expect_err("the connection is gone");
        assert_eq!(lost.code(), "channel.lost");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1, "nobody called again");
}

/// The bounds of tonic's generated clients (`tonic::client::GrpcService`), spelt out.
fn runs_generated_clients<T, RequestBody, ResponseBody>(_: &T)
where
    T: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone + Send + Sync + 'static,
    T::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    T::Future: Send,
    ResponseBody: Body<Data = Bytes> + Send + 'static,
    ResponseBody::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
}

#[tokio::test]
async fn is_a_tower_service() {
    let root = authority();
    let (address, _) = echo(&root, Alpn::Http2).await;
    let mut connection = open(&root, &address, Alpn::Http2).await;
    runs_generated_clients::<_, Full<Bytes>, Incoming>(&connection);
    std::future::poll_fn(|context| Service::<Request<Empty<Bytes>>>::poll_ready(&mut connection, context))
        .await
        .expect("ready");
    let request = Request::get("/service")
        .body(Empty::<Bytes>::new())
        .expect("a request");
    assert!(
        text(connection.call(request).await.expect("an answer"))
            .await
            .starts_with("GET /service ")
    );
}
