//! One connection to an inference server, on which requests that were written beforehand follow each other.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Failure;

/// TensorFlow Serving's two faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// JSON over HTTP/1.1.
    Rest,
    /// gRPC over HTTP/2.
    Grpc,
}

impl Protocol {
    /// For a table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rest => "REST",
            Self::Grpc => "gRPC",
        }
    }
}

/// A connection.
pub enum Wire {
    /// For REST.
    Http1(http1::SendRequest<Full<Bytes>>),
    /// For gRPC.
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Wire {
    /// Speaks `protocol` on what was opened.
    ///
    /// # Errors
    /// When the other end does not.
    pub async fn open<T>(io: T, protocol: Protocol) -> Result<Self, Failure>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let io = TokioIo::new(io);
        Ok(match protocol {
            Protocol::Rest => {
                let (sender, driver) = http1::handshake(io).await?;
                tokio::spawn(driver);
                Self::Http1(sender)
            }
            Protocol::Grpc => {
                let (sender, driver) = http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(driver);
                Self::Http2(sender)
            }
        })
    }

    /// The whole answer, of which the status was looked at.
    ///
    /// # Errors
    /// When there is none, or it says that the request failed.
    pub async fn ask(&mut self, request: &Request<Full<Bytes>>) -> Result<Bytes, Failure> {
        let request = request.clone();
        let response = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, body) = response.into_parts();
        let body = body.collect().await?;
        let grpc = body
            .trailers()
            .or(Some(&head.headers))
            .and_then(|map| map.get("grpc-status"));
        let fine = head.status == StatusCode::OK && grpc.is_none_or(|status| status == "0");
        let bytes = body.to_bytes();
        if fine && !bytes.is_empty() {
            Ok(bytes)
        } else {
            Err(format!(
                "the server answers {}: {}",
                head.status,
                String::from_utf8_lossy(&bytes)
            )
            .into())
        }
    }
}
