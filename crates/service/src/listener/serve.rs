//! One connection, from the accepted socket to its last answer.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use http::Request;
use http_body_util::Limited;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;

use super::{Accepted, Transport};
use crate::connection::{ConnectionInfo, Remote};
use crate::limits::Limits;
use crate::sniff::{Http, Rewound, sniff};
use crate::tls::ServerTls;

/// What all connections of a listener share.
pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) transport: Transport,
    pub(super) limits: Limits,
    /// Answer what is in flight, then close.
    pub(super) finish: CancellationToken,
    /// Close now.
    pub(super) cut: CancellationToken,
}

/// The body limit: further bytes make the extractor or decoder fail, axum's with 413.
pub(super) async fn limit_body(State(bytes_max): State<usize>, request: Request<Body>) -> Request<Body> {
    request.map(|body| Body::new(Limited::new(body, bytes_max)))
}

/// Serves one connection to its end; failures are the peer's and are logged at debug level.
pub(super) async fn connection(shared: &Shared, accepted: Accepted) {
    let remote = accepted.remote();
    let served = async {
        match accepted {
            Accepted::Tcp(stream, _) => secure(shared, stream, remote).await,
            Accepted::Unix(stream) => secure(shared, stream, remote).await,
        }
    };
    let outcome = tokio::select! {
        outcome = served => outcome,
        () = shared.cut.cancelled() => Ok(()),
    };
    if let Err(error) = outcome {
        tracing::debug!(%remote, %error, "connection ended");
    }
}

async fn secure<S>(shared: &Shared, stream: S, remote: Remote) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut info = ConnectionInfo {
        remote,
        peer_certificates: Vec::new(),
        exporter: None,
        protocol: None,
        server_certificate: None,
        close: shared.finish.child_token(),
        lifetime: Arc::default(),
    };
    let (tls, exporter_label) = match &shared.transport {
        Transport::Plain => {
            let (version, stream) = timeout(shared.limits.header_read_timeout, sniff(stream)).await??;
            return serve(shared, version, stream, info).await;
        }
        Transport::Tls { tls, exporter_label } => (tls.current(), *exporter_label),
    };
    let ServerTls { config, certificate } = tls;
    let handshake = TlsAcceptor::from(config).accept(stream);
    let stream = timeout(shared.limits.handshake_timeout, handshake).await??;
    let session = stream.get_ref().1;
    info.server_certificate = certificate;
    info.protocol = session.protocol_version();
    info.peer_certificates = session
        .peer_certificates()
        .unwrap_or_default()
        .iter()
        .map(|certificate| certificate.clone().into_owned())
        .collect();
    if let (Some(label), Some(ProtocolVersion::TLSv1_3)) = (exporter_label, info.protocol) {
        info.exporter = Some(
            session
                .export_keying_material([0; 32], label, None)
                .map_err(io::Error::other)?,
        );
    }
    match session.alpn_protocol() {
        Some(b"h2") => serve(shared, Http::Two, Rewound::untouched(stream), info).await,
        Some(_) => serve(shared, Http::One, Rewound::untouched(stream), info).await,
        None => {
            let (version, stream) = timeout(shared.limits.header_read_timeout, sniff(stream)).await??;
            serve(shared, version, stream, info).await
        }
    }
}

async fn serve<S>(shared: &Shared, version: Http, stream: Rewound<S>, info: ConnectionInfo) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let close = info.close.clone();
    let info = Arc::new(info);
    let router = shared.router.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(info.clone());
        router.clone().call(request.map(Body::new))
    });
    let builder = builder(version, &shared.limits);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = close.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    outcome.map_err(io::Error::other)
}

fn builder(version: Http, limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        .max_buf_size(limits.header_bytes_max.max(HTTP1_BUFFER_MIN));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams_max)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.http2_ping_interval)
        .keep_alive_timeout(limits.http2_ping_timeout)
        .initial_stream_window_size(HTTP2_WINDOW)
        .initial_connection_window_size(HTTP2_WINDOW * 2);
    match version {
        Http::One => builder.http1_only(),
        Http::Two => builder.http2_only(),
    }
}

/// Smallest buffer that hyper takes for HTTP/1.
const HTTP1_BUFFER_MIN: usize = 8192;

/// Flow control windows: large enough that one tensor of some MiB is not cut into many round trips.
const HTTP2_WINDOW: u32 = 1 << 20;
