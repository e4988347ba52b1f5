//! Starting servers and talking to them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use strongroom_api::serving::model_service_client::ModelServiceClient;
use strongroom_api::serving::prediction_service_client::PredictionServiceClient;
use strongroom_crypto::UnixTime;
use strongroom_inference::app::Clock;
use strongroom_inference::config::{Config, Flags};
use strongroom_inference::server::{Addresses, Server, StartError};
use strongroom_service::Shutdown;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A server that runs until this is dropped.
pub(crate) struct Running {
    pub(crate) addresses: Addresses,
    pub(crate) shutdown: Shutdown,
    pub(crate) serving: tokio::task::JoinHandle<bool>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.trigger();
    }
}

/// Starts a server with these flags, on ports of the kernel's choice.
pub(crate) async fn try_start(flags: &[String]) -> Result<Running, StartError> {
    serve(config(flags)).await
}

/// What a server with these flags does.
pub(crate) fn config(flags: &[String]) -> Config {
    let ours = [
        "--listen_address=127.0.0.1",
        "--ephemeral_ports",
        "--rest_api_port=1",
        "--health_port=1",
    ];
    let arguments = flags
        .iter()
        .cloned()
        .chain(ours.map(str::to_owned))
        .chain(["--model_workers=1".to_owned()]);
    let flags = Flags::parse(arguments).expect("flags");
    Config::new(&flags).unwrap_or_else(|error| panic!("configuration: {error}"))
}

/// Starts a server that does that.
pub(crate) async fn serve(config: Config) -> Result<Running, StartError> {
    let clock: Clock = Arc::new(|| NOW);
    let shutdown = Shutdown::new();
    let server = Server::start(config, clock, Instant::now(), shutdown.clone()).await?;
    let addresses = server.addresses().clone();
    let serving = tokio::spawn(async move { server.wait().await.is_ok() });
    Ok(Running {
        addresses,
        shutdown,
        serving,
    })
}

/// The same, where it must succeed.
pub(crate) async fn start(flags: &[String]) -> Running {
    try_start(flags)
        .await
        .unwrap_or_else(|error| panic!("the server starts: {error}"))
}

/// The digits model, unencrypted.
pub(crate) async fn digits() -> Running {
    start(&plain_digits()).await
}

pub(crate) fn plain_digits() -> Vec<String> {
    vec![
        "--model_name=digits".to_owned(),
        format!("--model_base_path={}", model("onnx/model.onnx").display()),
    ]
}

/// A file of the digits model.
pub(crate) fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../models/digits")
        .join(name)
}

pub(crate) fn json(name: &str) -> Value {
    let text = std::fs::read_to_string(model(name)).expect("a file of the model");
    serde_json::from_str(&text).expect("JSON")
}

/// Held-back images, scaled as the model takes them, and their labels.
pub(crate) fn held_back() -> (Vec<Vec<f32>>, Vec<i64>) {
    let file = json("held_back.json");
    let image = |image: &Value| {
        let pixels = image.as_array().expect("pixels");
        pixels
            .iter()
            .map(|pixel| pixel.as_f64().expect("a number") as f32 / 16.0)
            .collect()
    };
    let images = file["images"]
        .as_array()
        .expect("images")
        .iter()
        .map(image)
        .collect();
    let labels = file["labels"].as_array().expect("labels");
    (
        images,
        labels
            .iter()
            .map(|label| label.as_i64().expect("a digit"))
            .collect(),
    )
}

/// An image as rows of rows of one channel, in JSON.
pub(crate) fn as_rows(image: &[f32]) -> Value {
    let rows = image.chunks(8).map(|row| {
        row.iter()
            .map(|pixel| serde_json::json!([pixel]))
            .collect::<Value>()
    });
    rows.collect()
}

/// An answer to a REST request.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Text of a refusal.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().expect("an error").to_owned()
    }
}

pub(crate) async fn get(address: Option<SocketAddr>, path: &str) -> Answer {
    request(
        address,
        Request::get(path).body(Full::default()).expect("a request"),
    )
    .await
}

pub(crate) async fn post(address: Option<SocketAddr>, path: &str, body: impl Into<Bytes>) -> Answer {
    request(
        address,
        Request::post(path)
            .body(Full::new(body.into()))
            .expect("a request"),
    )
    .await
}

pub(crate) async fn with_method(address: Option<SocketAddr>, method: Method, path: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Full::default())
        .expect("a request");
    self::request(address, request).await
}

pub(crate) async fn request(address: Option<SocketAddr>, request: Request<Full<Bytes>>) -> Answer {
    let stream = TcpStream::connect(address.expect("an address"))
        .await
        .expect("a connection");
    exchange(stream, request).await
}

/// The same through TLS.
pub(crate) async fn request_tls(
    address: Option<SocketAddr>,
    tls: &ClientTls,
    request: Request<Full<Bytes>>,
) -> Answer {
    let stream = tls.connect(address, b"http/1.1").await.expect("a handshake");
    exchange(stream, request).await
}

async fn exchange<S>(stream: S, mut request: Request<Full<Bytes>>) -> Answer
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    request
        .headers_mut()
        .insert("host", "localhost".parse().expect("a host"));
    let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
    tokio::spawn(connection);
    let (head, body) = send.send_request(request).await.expect("an answer").into_parts();
    let body = body.collect().await.expect("a body").to_bytes().to_vec();
    Answer {
        status: head.status,
        headers: head.headers,
        body,
    }
}

/// A client's side of TLS.
pub(crate) struct ClientTls {
    pub(crate) roots: RootCertStore,
    pub(crate) identity: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
}

impl ClientTls {
    pub(crate) async fn connect(
        &self,
        address: Option<SocketAddr>,
        protocol: &[u8],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(self.roots.clone());
        let mut config = match &self.identity {
            Some((certificate, key)) => builder
                .with_client_auth_cert(vec![certificate.clone()], key.clone_key())
                .expect("an identity"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(address.expect("an address")).await?;
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

/// gRPC over one connection.
#[derive(Clone)]
pub(crate) struct Channel(http2::SendRequest<tonic::body::Body>);

impl Channel {
    pub(crate) async fn over<S>(stream: S) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
        tokio::spawn(connection);
        Self(send)
    }

    pub(crate) async fn to(address: Option<SocketAddr>) -> Self {
        Self::over(
            TcpStream::connect(address.expect("an address"))
                .await
                .expect("a connection"),
        )
        .await
    }

    pub(crate) fn predictions(self) -> PredictionServiceClient<Self> {
        PredictionServiceClient::with_origin(self, http::Uri::from_static("http://localhost"))
    }

    pub(crate) fn models(self) -> ModelServiceClient<Self> {
        ModelServiceClient::with_origin(self, http::Uri::from_static("http://localhost"))
    }
}

impl tower_service::Service<Request<tonic::body::Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// The time that servers are told.
pub(crate) const NOW: UnixTime = UnixTime(1_790_000_000);
