//! Things that wait for one answer: taken out once, on the connection on which they were put, within their time and that
//! connection's; and only so many of them, so that whoever would hold all places has to hold as many connections.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, Weak};

/// Names a thing to its caller.
pub type SessionId = [u8; 16];

/// What waits.
#[derive(Debug)]
pub struct Once<T> {
    waiting: Mutex<BTreeMap<SessionId, Waiting<T>>>,
    count_max: usize,
    ms_max: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    thing: T,
    /// The connection, by its exporter.
    connection: [u8; 32],
    /// Gone when the connection is.
    lifetime: Weak<()>,
    until_ms: u64,
}

/// As many wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl<T> Once<T> {
    /// At most `count_max` things, each for `seconds_max`.
    pub const fn new(count_max: usize, seconds_max: u64) -> Self {
        Self {
            waiting: Mutex::new(BTreeMap::new()),
            count_max,
            ms_max: seconds_max * 1000,
        }
    }

    /// Lets a thing wait. A connection has one at a time: what waited for it before is gone.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn put(
        &self,
        id: SessionId,
        (connection, lifetime): ([u8; 32], Weak<()>),
        thing: T,
        now_ms: u64,
    ) -> Result<(), TooMany> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, other| {
            other.until_ms > now_ms && other.lifetime.strong_count() > 0 && other.connection != connection
        });
        if waiting.len() >= self.count_max {
            return Err(TooMany);
        }
        let until_ms = now_ms.saturating_add(self.ms_max);
        let waits = Waiting {
            thing,
            connection,
            lifetime,
            until_ms,
        };
        waiting.insert(id, waits);
        Ok(())
    }

    /// Takes a thing out: whatever comes of it, there is no second time.
    pub fn take(&self, id: &[u8], connection: &[u8; 32], now_ms: u64) -> Option<T> {
        let id: &SessionId = id.try_into().ok()?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = waiting.remove(id)?;
        (waits.connection == *connection && waits.until_ms > now_ms).then_some(waits.thing)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock};

    use super::*;

    const HERE: [u8; 32] = [1; 32];
    const THERE: [u8; 32] = [2; 32];

    /// A connection that outlives the test.
    fn open(exporter: [u8; 32]) -> ([u8; 32], Weak<()>) {
        static ALIVE: LazyLock<Arc<()>> = LazyLock::new(Arc::default);
        (exporter, Arc::downgrade(&ALIVE))
    }

    fn one() -> Once<&'static str> {
        let once = Once::new(2, 120);
        once.put([7; 16], open(HERE), "thing", 1000)
            .expect("there is room");
        once
    }

    #[test]
    fn a_thing_is_taken_once_where_it_was_put_and_in_time() {
        assert_eq!(one().take(&[7; 16], &HERE, 1001), Some("thing"));
        let once = one();
        once.take(&[7; 16], &HERE, 1001);
        assert_eq!(once.take(&[7; 16], &HERE, 1002), None, "a second time");
        assert_eq!(one().take(&[7; 16], &THERE, 1001), None, "on another connection");
        assert_eq!(
            one().take(&[7; 16], &HERE, 120_999),
            Some("thing"),
            "just in time"
        );
        assert_eq!(one().take(&[7; 16], &HERE, 121_000), None, "too late");
        assert_eq!(one().take(&[8; 16], &HERE, 1001), None, "another name");
        assert_eq!(one().take(&[7; 15], &HERE, 1001), None, "no name");
    }

    #[test]
    fn a_try_on_another_connection_spends_it() {
        let once = one();
        once.take(&[7; 16], &THERE, 1001);
        assert_eq!(once.take(&[7; 16], &HERE, 1001), None);
    }

    #[test]
    fn only_so_many_wait_and_what_is_over_makes_room() {
        let once = one();
        assert_eq!(
            once.put([8; 16], open(HERE), "again", 1000),
            Ok(()),
            "takes the other's place"
        );
        assert_eq!(once.take(&[7; 16], &HERE, 1001), None);
        assert_eq!(once.put([9; 16], open(THERE), "second", 1000), Ok(()));
        assert_eq!(once.put([10; 16], open([3; 32]), "third", 1000), Err(TooMany));
        assert_eq!(once.put([10; 16], open([3; 32]), "third", 121_000), Ok(()));
    }

    #[test]
    fn a_connection_that_ended_holds_no_place() {
        let once = one();
        let alive = Arc::new(());
        let ends = (THERE, Arc::downgrade(&alive));
        assert_eq!(once.put([9; 16], ends, "second", 1000), Ok(()));
        assert_eq!(once.put([10; 16], open([3; 32]), "third", 1000), Err(TooMany));
        drop(alive);
        assert_eq!(once.put([10; 16], open([3; 32]), "third", 1000), Ok(()));
        assert_eq!(once.take(&[7; 16], &HERE, 1001), Some("thing"), "others stay");
    }
}
