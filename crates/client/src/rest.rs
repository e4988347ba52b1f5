//! JSON over one verified connection: bounded, timed, never sent twice.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use serde::de::DeserializeOwned;
use strongroom_api::coordinator::jsend::Envelope;
use strongroom_api::coordinator::problem::Problem;
use strongroom_crypto::secret::SecretBytes;
use strongroom_ratls::channel::HttpConnection;

use crate::error::{Answerer, Error};

/// Longest wait for one answer, in seconds.
pub const ANSWER_SECONDS_MAX: u64 = 120;
/// Largest answer, in bytes.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most characters of a peer's sentence that are shown.
const SENTENCE_CHARS_MAX: usize = 1000;
/// Most characters of a peer's code that are shown.
const CODE_CHARS_MAX: usize = 64;
/// Paths that every coordinator answers, whatever its phase.
const COORDINATORS_PATHS: [&str; 2] = ["/api/v3/evidence", "/api/v3/status"];

/// A body to send. What may hold secrets is wiped when it was sent.
#[derive(Debug)]
pub(crate) enum Body {
    /// Nothing.
    Empty,
    /// JSON, or what the content type says.
    Plain(Vec<u8>),
    /// JSON with secrets in it.
    Secret(SecretBytes),
}

/// One connection to one peer.
#[derive(Debug)]
pub(crate) struct Rest {
    peer: String,
    connection: HttpConnection,
    verified: bool,
}

impl Rest {
    /// A connection to a peer of which nothing is known.
    pub(crate) fn new(peer: String, connection: HttpConnection) -> Self {
        Self {
            peer,
            connection,
            verified: false,
        }
    }

    /// The same connection, when it is known who is at its other end.
    pub(crate) fn verified(self) -> Self {
        Self {
            verified: true,
            ..self
        }
    }

    /// Whom we talk to, for messages.
    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    pub(crate) fn connection(&self) -> &HttpConnection {
        &self.connection
    }

    /// Calls one of our own endpoints, whose answers are the result itself or a problem.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<T, Error> {
        let (status, bytes) = self.exchange(method, path, body).await?;
        if status.is_success() {
            self.read(&bytes)
        } else {
            Err(self.refusal(path, status, &bytes))
        }
    }

    /// Calls one of MarbleRun's endpoints, whose answers come in an envelope.
    pub(crate) async fn call_v2<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Option<T>, Error> {
        let (status, bytes) = self.exchange(method, path, body).await?;
        if !status.is_success() {
            return Err(self.refusal(path, status, &bytes));
        }
        self.read::<Envelope<T>>(&bytes).map(|envelope| envelope.data)
    }

    /// Sends one request and reads the whole answer.
    pub(crate) async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(StatusCode, Bytes), Error> {
        let body = match body {
            Body::Empty => Bytes::new(),
            Body::Plain(bytes) => bytes.into(),
            Body::Secret(bytes) => Bytes::from_owner(Wiped(bytes)),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .header(http::header::ACCEPT, "application/json")
            .body(Full::new(body))
            .map_err(|error| Error::input(path, error))?;
        let answer = async {
            let broken = |source| Error::Broken {
                peer: self.peer.clone(),
                source,
            };
            let response = self.connection.send(request).await.map_err(broken)?;
            let status = response.status();
            let bytes = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| self.unclear(error))?
                .to_bytes();
            Ok((status, bytes))
        };
        tokio::time::timeout(Duration::from_secs(ANSWER_SECONDS_MAX), answer)
            .await
            .map_err(|_| Error::Timeout {
                peer: self.peer.clone(),
                seconds: ANSWER_SECONDS_MAX,
            })?
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(bytes).map_err(|error| self.unclear(error))
    }

    pub(crate) fn unclear(&self, why: impl std::fmt::Display) -> Error {
        Error::Answer {
            peer: self.peer.clone(),
            why: why.to_string(),
        }
    }

    fn refusal(&self, path: &str, status: StatusCode, bytes: &[u8]) -> Error {
        let answerer = if self.verified {
            Answerer::Verified
        } else if status == StatusCode::NOT_FOUND && COORDINATORS_PATHS.contains(&path) {
            Answerer::NoCoordinator
        } else {
            Answerer::Unverified
        };
        let refused = |code: Option<&str>, message: &str, request_id: &str| Error::Refused {
            peer: self.peer.clone(),
            answerer,
            code: code.map(short_code),
            message: sentence(message),
            request_id: sentence(request_id),
        };
        if let Ok(problem) = serde_json::from_slice::<Problem>(bytes) {
            return refused(Some(&problem.code), &problem.message, &problem.request_id);
        }
        match serde_json::from_slice::<Envelope<serde_json::Value>>(bytes) {
            Ok(envelope) => refused(None, &envelope.message, ""),
            Err(_) => refused(None, &format!("HTTP status {status}"), ""),
        }
    }
}

/// What a peer says, made harmless for a terminal and short.
pub(crate) fn sentence(text: &str) -> String {
    text.chars()
        .take(SENTENCE_CHARS_MAX)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}

/// A peer's code, made harmless in the same way: codes have no spaces and no letters of other scripts.
fn short_code(text: &str) -> String {
    text.chars()
        .take(CODE_CHARS_MAX)
        .map(|character| {
            if character.is_ascii_graphic() {
                character
            } else {
                '?'
            }
        })
        .collect()
}

/// Lends a secret to the connection, and wipes it afterwards.
struct Wiped(SecretBytes);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_cannot_write_to_the_terminal() {
        assert_eq!(sentence("ok\u{1b}[2Jgone\r\n"), "ok [2Jgone  ");
        assert_eq!(sentence(&"x".repeat(5000)).len(), SENTENCE_CHARS_MAX);
        assert_eq!(short_code("state.x) ok\u{202e}"), "state.x)?ok?");
        assert_eq!(short_code(&"x".repeat(5000)).len(), CODE_CHARS_MAX);
    }
}
