//! Threads that share one piece of work: as many as are asked for, the caller's among them.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Most threads that are used unless asked otherwise: beyond, storage is the limit.
const THREADS_DEFAULT_MAX: usize = 8;

/// As many as this machine runs at once, within reason.
pub(crate) fn default_threads() -> NonZeroUsize {
    let there = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    there.min(NonZeroUsize::new(THREADS_DEFAULT_MAX).expect("not zero"))
}

/// Runs `work` on `threads` threads until each has returned; gives the first error, in the order of threads.
pub(crate) fn run<E: Send>(threads: usize, work: impl Fn() -> Result<(), E> + Sync) -> Result<(), E> {
    if threads <= 1 {
        return work();
    }
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(&work)).collect();
        let mut result = work();
        for other in others {
            match other.join() {
                Ok(theirs) => result = result.and(theirs),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        result
    })
}

/// Locks, also after a panic elsewhere: what these locks guard is whole between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
