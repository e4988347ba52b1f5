//! The clock. The host sets the wall clock; inside one run the monotonic clock keeps it from being set back.

use std::time::Duration;

use crate::state::{Now, TIME_TOLERANCE_SECONDS};

/// Wall time at the start, and what the monotonic clock has counted since.
#[derive(Clone, Copy, Debug)]
pub struct Guarded {
    start_ms: u64,
}

impl Guarded {
    /// A clock that was started when the wall clock showed `wall_ms` (milliseconds since 1970).
    pub const fn new(wall_ms: u64) -> Self {
        Self { start_ms: wall_ms }
    }

    /// The time: what the wall clock shows, but never more than the tolerance behind what has passed since the start.
    pub fn now(&self, wall_ms: u64, since_start: Duration) -> Now {
        let passed = u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX);
        let least = self
            .start_ms
            .saturating_add(passed)
            .saturating_sub(TIME_TOLERANCE_SECONDS * 1000);
        Now {
            ms: wall_ms.max(least),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_that_is_set_back_does_not_stop_expiry() {
        let clock = Guarded::new(1_000_000_000);
        let hour = Duration::from_secs(3600);
        assert_eq!(clock.now(1_003_600_000, hour).ms, 1_003_600_000);
        assert_eq!(clock.now(5, hour).ms, 1_003_300_000);
        assert_eq!(clock.now(2_000_000_000, hour).ms, 2_000_000_000);
    }
}
