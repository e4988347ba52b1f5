//! Bodies of requests: each read within its limit, all of them within one; or read away, so that a client that still
//! sends gets to see its refusal.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory for the bodies of all requests.
#[derive(Debug)]
pub struct Bodies {
    units: Arc<Semaphore>,
    bytes_max: usize,
    bytes_all_max: usize,
}

/// A body in memory; its share of the memory is free again once this is dropped.
#[derive(Debug, Default)]
pub struct Held {
    bytes: Vec<u8>,
    units: Option<OwnedSemaphorePermit>,
}

/// Why a body is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is too large, or ended in its midst.
    #[error("The request body could not be read; it may have at most {0} bytes")]
    TooLarge(usize),
    /// Bodies of other requests take the memory.
    #[error(
        "The bodies of all requests together may take at most {0} bytes, and these are in use; try again later"
    )]
    Busy(usize),
}

impl Held {
    /// The body.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
}

impl Bodies {
    /// Room for bodies of at most `bytes_max` each and `bytes_all_max` together.
    #[must_use]
    pub fn new(bytes_max: usize, bytes_all_max: usize) -> Self {
        let units = (bytes_all_max / UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self {
            units: Arc::new(Semaphore::new(units)),
            bytes_max,
            bytes_all_max,
        }
    }

    /// Reads a body to its end, and unpacks it where it is packed. Never waits for memory.
    ///
    /// What cannot be unpacked counts as an empty body, as in the original; so does what is larger than the limit then.
    ///
    /// # Errors
    /// When it is too large, or other bodies leave no room.
    pub async fn read(&self, body: &mut Body, gzip: bool) -> Result<Held, BodyError> {
        let mut held = Held::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| BodyError::TooLarge(self.bytes_max))?;
            if let Some(data) = frame.data_ref() {
                self.append(&mut held, data)?;
            }
        }
        if gzip { self.unzip(&held) } else { Ok(held) }
    }

    fn unzip(&self, packed: &Held) -> Result<Held, BodyError> {
        let mut out = Held::default();
        let mut reader = MultiGzDecoder::new(packed.as_slice());
        let mut part = vec![0; PART_BYTES];
        loop {
            match reader.read(&mut part) {
                Ok(0) => return Ok(out),
                Ok(read) => match self.append(&mut out, &part[..read]) {
                    Err(BodyError::TooLarge(_)) => return Ok(Held::default()),
                    outcome => outcome?,
                },
                Err(_) => return Ok(Held::default()),
            }
        }
    }

    fn append(&self, held: &mut Held, data: &[u8]) -> Result<(), BodyError> {
        let needed = held.bytes.len().saturating_add(data.len());
        if needed > self.bytes_max {
            return Err(BodyError::TooLarge(self.bytes_max));
        }
        if needed > held.bytes.capacity() {
            let capacity = (held.bytes.capacity() * 2).min(self.bytes_max).max(needed);
            self.charge(held, capacity)?;
            held.bytes.reserve_exact(capacity - held.bytes.len());
        }
        held.bytes.extend_from_slice(data);
        Ok(())
    }

    fn charge(&self, held: &mut Held, capacity: usize) -> Result<(), BodyError> {
        let busy = BodyError::Busy(self.bytes_all_max);
        let had = held.units.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = capacity.div_ceil(UNIT_BYTES).saturating_sub(had);
        let more = u32::try_from(more).map_err(|_| busy)?;
        let more = Arc::clone(&self.units)
            .try_acquire_many_owned(more)
            .map_err(|_| busy)?;
        match &mut held.units {
            Some(units) => units.merge(more),
            None => held.units = Some(more),
        }
        Ok(())
    }
}

/// Reads the rest of a body, at most `bytes_max` of it and for at most `time`, and keeps nothing.
///
/// Over HTTP/2 a stream whose body is left unread is reset, and clients that still send take the reset for the answer.
pub async fn drain(body: &mut Body, bytes_max: usize, time: Duration) {
    let rest = async {
        let mut left = bytes_max;
        while let Some(Ok(frame)) = body.frame().await {
            let read = frame.data_ref().map_or(0, |data| data.len());
            match left.checked_sub(read) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // Whoever sends more slowly than that sees the reset.
    let _ = tokio::time::timeout(time, rest).await;
}

/// Memory is counted in these.
const UNIT_BYTES: usize = 1024;
/// Unpacked at a time.
const PART_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Write as _;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use hyper::body::{Bytes, Frame};

    use super::*;

    fn body(bytes: usize) -> Body {
        Body::from(vec![b' '; bytes])
    }

    #[tokio::test]
    async fn all_bodies_share_one_limit_and_nobody_waits_for_it() {
        let bodies = Bodies::new(8 << 10, 10 << 10);
        let first = bodies.read(&mut body(8 << 10), false).await.expect("room");
        let refused = bodies.read(&mut body(4 << 10), false).await;
        assert_eq!(refused.expect_err("no room"), BodyError::Busy(10 << 10));
        assert!(bodies.read(&mut body(2 << 10), false).await.is_ok());
        drop(first);
        let again = bodies.read(&mut body(8 << 10), false).await.expect("room");
        assert_eq!(again.as_slice().len(), 8 << 10);
    }

    #[tokio::test]
    async fn what_is_unpacked_counts_as_well() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&[b' '; 64 << 10]).expect("memory");
        let packed = encoder.finish().expect("memory");
        let read = async |bodies: &Bodies| bodies.read(&mut Body::from(packed.clone()), true).await;
        let unpacked = read(&Bodies::new(64 << 10, 128 << 10)).await.expect("room");
        assert_eq!(unpacked.as_slice().len(), 64 << 10);
        let refused = read(&Bodies::new(64 << 10, 32 << 10)).await;
        assert_eq!(refused.expect_err("no room"), BodyError::Busy(32 << 10));
        let large = read(&Bodies::new(32 << 10, 128 << 10)).await.expect("empty");
        assert!(large.as_slice().is_empty());
    }

    #[tokio::test]
    async fn a_body_over_its_own_limit_is_refused() {
        let refused = Bodies::new(1024, 1 << 20).read(&mut body(1025), false).await;
        assert_eq!(refused.expect_err("too large"), BodyError::TooLarge(1024));
    }

    #[tokio::test]
    async fn draining_ends_with_the_body_and_with_the_time() {
        let mut whole = body(4096);
        drain(&mut whole, 4096, Duration::from_secs(3600)).await;
        assert!(whole.frame().await.is_none());
        let mut silent = Body::new(Silent);
        drain(&mut silent, 4096, Duration::ZERO).await;
    }
    /// Neither comes nor ends.
    struct Silent;

    impl hyper::body::Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }
}
