//! The limits of a listener, each with a name.

use std::time::Duration;

/// What one listener grants its peers. The defaults suit a control plane; a model server raises the body limit.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections served at once; further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// Longest time a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// Longest time until a request's head is complete, counted from the handshake or the last answer.
    pub header_read_timeout: Duration,
    /// Largest request body in bytes; a larger one is answered 413.
    pub body_bytes_max: usize,
    /// Largest head of a request in bytes.
    pub header_bytes_max: usize,
    /// HTTP/2: requests at once on one connection.
    pub http2_streams_max: u32,
    /// HTTP/2: how often a silent peer is asked whether it still lives.
    pub http2_ping_interval: Duration,
    /// HTTP/2: how long it may take to answer that.
    pub http2_ping_timeout: Duration,
    /// After shutdown is asked for: how long requests in flight may take until their connections are cut.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            handshake_timeout: Duration::from_secs(10),
            header_read_timeout: Duration::from_secs(10),
            body_bytes_max: 4 << 20,
            header_bytes_max: 64 << 10,
            http2_streams_max: 128,
            http2_ping_interval: Duration::from_secs(30),
            http2_ping_timeout: Duration::from_secs(20),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// The same limits with another body limit, in bytes.
    #[must_use]
    pub fn with_body_bytes_max(mut self, body_bytes_max: usize) -> Self {
        self.body_bytes_max = body_bytes_max;
        self
    }
}
