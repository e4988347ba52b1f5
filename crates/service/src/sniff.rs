//! HTTP/1 or HTTP/2 on a connection that negotiated nothing: seen by the first bytes, within a deadline.
//!
//! hyper-util's own detection has no time limit: a peer that sends `PRI` and then nothing would hold its slot for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// The HTTP version that a peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Http {
    /// HTTP/1.0 or 1.1.
    One,
    /// HTTP/2.
    Two,
}

/// Reads until the version is certain, and gives back a stream that yields those bytes again.
pub(crate) async fn sniff<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<(Http, Rewound<S>)> {
    let mut head = [0u8; PREFACE.len()];
    let mut filled = 0;
    while filled < head.len() && head[..filled] == PREFACE[..filled] {
        match stream.read(&mut head[filled..]).await? {
            0 => break,
            count => filled += count,
        }
    }
    let version = if head[..filled] == *PREFACE {
        Http::Two
    } else {
        Http::One
    };
    Ok((
        version,
        Rewound {
            head,
            filled,
            read: 0,
            stream,
        },
    ))
}

/// A stream whose first bytes were read once already.
pub(crate) struct Rewound<S> {
    head: [u8; PREFACE.len()],
    filled: usize,
    read: usize,
    stream: S,
}

impl<S> Rewound<S> {
    /// A stream of which nothing was read.
    pub(crate) fn untouched(stream: S) -> Self {
        Self {
            head: [0; PREFACE.len()],
            filled: 0,
            read: 0,
            stream,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read == self.filled {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = buffer.remaining().min(self.filled - self.read);
        buffer.put_slice(&self.head[self.read..self.read + count]);
        self.read += count;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The HTTP/2 connection preface (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(bytes: &[u8], expected: Http) {
        let (version, mut stream) = sniff(bytes).await.expect("sniff");
        assert_eq!(version, expected);
        let mut again = Vec::new();
        stream.read_to_end(&mut again).await.expect("read");
        assert_eq!(again, bytes);
    }

    #[tokio::test]
    async fn tells_versions_apart_and_loses_no_byte() {
        check(b"", Http::One).await;
        check(b"PRI * HTTP/1", Http::One).await;
        check(
            b"PUT / HTTP/1.1\r\n\r\n and a body longer than the preface",
            Http::One,
        )
        .await;
        check(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Http::Two).await;
        check(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n and frames", Http::Two).await;
    }
}
