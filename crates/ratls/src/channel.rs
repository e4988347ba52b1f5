//! HTTP over one session. It never reconnects: evidence is bound to the connection, and a new one needs new evidence.
//! A lost connection is an error that the caller sees.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::ServerName;
use tokio::sync::Mutex;
use tower_service::Service;

use crate::session::{Session, SessionFacts};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type AnyBody = UnsyncBoxBody<Bytes, BoxError>;

/// How often an idle HTTP/2 connection is asked whether it still lives, and how long the answer may take.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// HTTP/1.1 or HTTP/2 over one [`Session`], as TLS agreed on. Clones share the connection (over HTTP/1.1 their requests
/// follow each other). Runs tonic's generated clients.
#[derive(Clone)]
pub struct HttpConnection {
    sender: Sender,
    authority: Authority,
    session: Arc<SessionFacts>,
}

#[derive(Clone)]
enum Sender {
    Http1(Arc<Mutex<http1::SendRequest<AnyBody>>>),
    Http2(http2::SendRequest<AnyBody>),
}

/// A request could not be answered on this connection. There is no other connection to try it on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The server's name cannot stand in a request.
    #[error("the server's name cannot stand in a request")]
    Name,
    /// The connection is lost, or the other end does not speak HTTP.
    #[error("the connection is lost")]
    Connection(#[source] hyper::Error),
    /// The request's URI cannot be sent.
    #[error("the request has no usable path")]
    Uri,
}

impl ChannelError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Connection(_) => "channel.lost",
            Self::Name | Self::Uri => "channel.request",
        }
    }
}

impl HttpConnection {
    /// Speaks HTTP on a session: HTTP/2 where TLS agreed on `h2`, else HTTP/1.1.
    ///
    /// # Errors
    /// [`ChannelError`].
    pub async fn open(session: Session) -> Result<Self, ChannelError> {
        let facts = session.facts();
        let authority = authority(&facts)?;
        let io = TokioIo::new(session.into_io());
        // The driver ends by itself: with the connection, or when the last sender and the last body are dropped.
        let sender = if facts.alpn() == Some(b"h2") {
            let (sender, driver) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(KEEP_ALIVE)
                .keep_alive_timeout(KEEP_ALIVE)
                .handshake(io)
                .await
                .map_err(ChannelError::Connection)?;
            tokio::spawn(drive(driver));
            Sender::Http2(sender)
        } else {
            let (sender, driver) = http1::handshake(io).await.map_err(ChannelError::Connection)?;
            tokio::spawn(drive(driver));
            Sender::Http1(Arc::new(Mutex::new(sender)))
        };
        Ok(Self {
            sender,
            authority,
            session: facts,
        })
    }

    /// What this end knows of the session below.
    #[must_use]
    pub fn session(&self) -> &SessionFacts {
        &self.session
    }

    /// Sends one request; scheme and host are filled in where they are missing.
    ///
    /// # Errors
    /// [`ChannelError`].
    pub async fn send<B>(&self, request: Request<B>) -> Result<Response<Incoming>, ChannelError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        match &self.sender {
            Sender::Http1(sender) => {
                self.address_http1(&mut request)?;
                let answer = {
                    let mut sender = sender.lock().await;
                    sender.ready().await.map_err(ChannelError::Connection)?;
                    sender.send_request(request)
                };
                answer.await.map_err(ChannelError::Connection)
            }
            Sender::Http2(sender) => {
                self.address_http2(&mut request)?;
                let mut sender = sender.clone();
                sender.ready().await.map_err(ChannelError::Connection)?;
                sender
                    .send_request(request)
                    .await
                    .map_err(ChannelError::Connection)
            }
        }
    }

    /// HTTP/1.1 (RFC 9112 §3.2): a path, and a `Host`.
    fn address_http1(&self, request: &mut Request<AnyBody>) -> Result<(), ChannelError> {
        *request.uri_mut() = Uri::from(path_and_query(request.uri()));
        let host = HeaderValue::from_str(self.authority.as_str()).map_err(|_| ChannelError::Name)?;
        request.headers_mut().entry(header::HOST).or_insert(host);
        Ok(())
    }

    /// HTTP/2 (RFC 9113 §8.3.1): scheme, authority and path.
    fn address_http2(&self, request: &mut Request<AnyBody>) -> Result<(), ChannelError> {
        *request.uri_mut() = Uri::builder()
            .scheme(Scheme::HTTPS)
            .authority(request.uri().authority().unwrap_or(&self.authority).clone())
            .path_and_query(path_and_query(request.uri()))
            .build()
            .map_err(|_| ChannelError::Uri)?;
        Ok(())
    }
}

impl<B> Service<Request<B>> for HttpConnection
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Incoming>;
    type Error = ChannelError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, ChannelError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ChannelError>> {
        // Readiness is awaited in `send`, where it belongs to the request: clones would not share it.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let connection = self.clone();
        Box::pin(async move { connection.send(request).await })
    }
}

impl fmt::Debug for HttpConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = match self.sender {
            Sender::Http1(_) => "HTTP/1.1",
            Sender::Http2(_) => "HTTP/2",
        };
        write!(f, "HttpConnection({version}, {})", self.authority)
    }
}

async fn drive(driver: impl Future<Output = Result<(), hyper::Error>>) {
    // Whoever waits for an answer gets the same error; with nobody waiting it is no news.
    if let Err(error) = driver.await {
        tracing::debug!(%error, "connection ended");
    }
}

fn path_and_query(uri: &Uri) -> PathAndQuery {
    uri.path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"))
}

/// The server's name and port as a request names them.
fn authority(session: &SessionFacts) -> Result<Authority, ChannelError> {
    let host = match session.server_name() {
        ServerName::DnsName(name) => name.as_ref().to_owned(),
        ServerName::IpAddress(address) => match std::net::IpAddr::from(*address) {
            std::net::IpAddr::V4(address) => address.to_string(),
            std::net::IpAddr::V6(address) => format!("[{address}]"),
        },
        _ => return Err(ChannelError::Name),
    };
    let port = session
        .remote()
        .map(|remote| format!(":{}", remote.port()))
        .unwrap_or_default();
    Authority::try_from(format!("{host}{port}")).map_err(|_| ChannelError::Name)
}
