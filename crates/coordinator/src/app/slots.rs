//! How much is done at once. Anybody can ask for evidence and send an activation, so both have a limit, and waiting has one.

use std::time::Duration;

use strongroom_api::coordinator::problem::Code;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Failure;

/// Longest time that a request waits for its turn.
pub const WAIT_MAX: Duration = Duration::from_secs(10);

/// So many at once.
#[derive(Debug)]
pub struct Slots(Semaphore);

impl Slots {
    /// `count` at once.
    pub fn new(count: usize) -> Self {
        Self(Semaphore::new(count))
    }

    /// Waits for a turn, which lasts until the permit is dropped.
    ///
    /// # Errors
    /// [`Failure`] with `limit.queue` after [`WAIT_MAX`].
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, Failure> {
        let busy = || Failure::limit(Code::LimitQueue, "too many requests of this kind are in work");
        match tokio::time::timeout(WAIT_MAX, self.0.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_for_a_turn_and_not_for_ever() {
        let slots = Slots::new(1);
        let turn = slots.turn().await.expect("free");
        assert_eq!(slots.turn().await.expect_err("taken").code, Code::LimitQueue);
        drop(turn);
        drop(slots.turn().await.expect("free again"));
    }
}
