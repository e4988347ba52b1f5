//! Bodies of requests: each read within its limit, all of them within one; or read away, so that a client that still
//! sends gets to see its refusal.

use std::error::Error;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt as _, LengthLimitError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Memory for the bodies of all requests.
#[derive(Debug, Clone)]
pub struct Bodies {
    units: Arc<Semaphore>,
    bytes_max: usize,
    bytes_all_max: usize,
    patience: Duration,
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
    /// It is too large.
    #[error("The request body could not be read; it may have at most {0} bytes")]
    TooLarge(usize),
    /// Bodies of other requests take the memory.
    #[error(
        "The bodies of all requests together may take at most {0} bytes, and these are in use; try again later"
    )]
    Busy(usize),
    /// It comes too slowly: whoever sends byte after byte would keep its memory for ever.
    #[error("The request body did not arrive in time")]
    Slow,
    /// It ended before the length that its head gave, or its chunks are malformed.
    #[error("The request body could not be read to its end")]
    Broken,
}

impl Held {
    /// The body.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
}

impl Bodies {
    /// Room for bodies of at most `bytes_max` each and `bytes_all_max` together. Each may take `patience` to arrive, and a
    /// second more for every [`BYTES_PER_SECOND_MIN`].
    #[must_use]
    pub fn new(bytes_max: usize, bytes_all_max: usize, patience: Duration) -> Self {
        let units = (bytes_all_max / UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self {
            units: Arc::new(Semaphore::new(units)),
            bytes_max,
            bytes_all_max,
            patience,
        }
    }

    /// Reads a body to its end, and unpacks it where it is packed. Never waits for memory.
    ///
    /// What cannot be unpacked counts as an empty body, as in the original; so does what is larger than the limit then.
    ///
    /// # Errors
    /// When it is too large, too slow or broken, or other bodies leave no room.
    pub async fn read(&self, body: &mut Body, gzip: bool) -> Result<Held, BodyError> {
        let mut held = Held::default();
        let begin = Instant::now();
        loop {
            let bonus = Duration::from_secs((held.bytes.len() / BYTES_PER_SECOND_MIN) as u64);
            let Some(deadline) = begin.checked_add(self.patience.saturating_add(bonus)) else {
                return Err(BodyError::Slow);
            };
            let frame = tokio::time::timeout_at(deadline, body.frame()).await;
            let Some(frame) = frame.map_err(|_| BodyError::Slow)? else {
                break;
            };
            let frame = frame.map_err(|error| self.failure(&error))?;
            if let Some(data) = frame.data_ref() {
                self.append(&mut held, data)?;
            }
        }
        if !gzip {
            return Ok(held);
        }
        // A small body may unpack to a large one, and that takes a thread's time.
        let bodies = self.clone();
        let unpacked = tokio::task::spawn_blocking(move || bodies.unzip(&held)).await;
        unpacked.unwrap_or(Err(BodyError::Broken))
    }

    fn failure(&self, error: &axum::Error) -> BodyError {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if error.is::<LengthLimitError>() {
                return BodyError::TooLarge(self.bytes_max);
            }
            cause = error.source();
        }
        BodyError::Broken
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

/// What has arrived of a body gives it a second for each of these.
pub const BYTES_PER_SECOND_MIN: usize = 64 << 10;
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

    fn room(bytes_max: usize, bytes_all_max: usize) -> Bodies {
        Bodies::new(bytes_max, bytes_all_max, Duration::from_secs(3600))
    }

    #[tokio::test]
    async fn all_bodies_share_one_limit_and_nobody_waits_for_it() {
        let bodies = room(8 << 10, 10 << 10);
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
        let unpacked = read(&room(64 << 10, 128 << 10)).await.expect("room");
        assert_eq!(unpacked.as_slice().len(), 64 << 10);
        let refused = read(&room(64 << 10, 32 << 10)).await;
        assert_eq!(refused.expect_err("no room"), BodyError::Busy(32 << 10));
        let large = read(&room(32 << 10, 128 << 10)).await.expect("empty");
        assert!(large.as_slice().is_empty());
    }

    #[tokio::test]
    async fn a_body_over_its_own_limit_is_refused() {
        let refused = room(1024, 1 << 20).read(&mut body(1025), false).await;
        assert_eq!(refused.expect_err("too large"), BodyError::TooLarge(1024));
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up() {
        let bodies = Bodies::new(1024, 1 << 20, Duration::ZERO);
        let refused = bodies.read(&mut Body::new(Silent), false).await;
        assert_eq!(refused.expect_err("too slow"), BodyError::Slow);
        assert!(bodies.read(&mut body(10), false).await.is_ok());
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
