//! Pauses between attempts: longer each time up to a limit, and never the same for two launchers.

use std::time::Duration;

use strongroom_crypto::random::{self, Random};

/// A row of pauses.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// The next pause, at most `longest`.
    pub(crate) fn pause(&mut self, longest: Duration, random: &dyn Random) -> Duration {
        let pause = jitter(self.next.min(longest), random);
        self.next = (self.next * 2).min(LONGEST);
        pause
    }
}

/// Between three and five quarters of `duration`.
pub(crate) fn jitter(duration: Duration, random: &dyn Random) -> Duration {
    let share = u32::from(u16::from_be_bytes(random::array(random)));
    duration * 3 / 4 + duration / 2 * share / u32::from(u16::MAX)
}

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use strongroom_crypto::random::SystemRandom;

    use super::*;

    #[test]
    fn grows_to_the_limit_and_stays_near_it() {
        let mut backoff = Backoff::new();
        let limit = Duration::from_secs(2);
        let pauses: Vec<_> = (0..20).map(|_| backoff.pause(limit, &SystemRandom)).collect();
        assert!(pauses[0] < Duration::from_millis(320));
        assert!(pauses.iter().all(|pause| *pause <= limit * 5 / 4));
        assert!(pauses[19] >= limit * 3 / 4);
    }
}
