//! Ends runs whose caller no longer waits.
//!
//! One thread for all models: it sleeps until the earliest deadline and asks that run to stop, which the library does
//! between two operators.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use ::ort::session::RunOptions;

/// The thread, and what it waits for.
pub(super) struct Watch {
    runs: Mutex<Runs>,
    changed: Condvar,
}

#[derive(Default)]
struct Runs {
    by_deadline: BTreeMap<(Instant, u64), Arc<RunOptions>>,
    next: u64,
    is_started: bool,
}

/// A run that is watched until this is dropped.
pub(super) struct Watched(&'static Watch, (Instant, u64));

impl Watch {
    /// Asks `run` to stop once `deadline` has passed.
    pub(super) fn until(&'static self, deadline: Instant, run: Arc<RunOptions>) -> std::io::Result<Watched> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if !runs.is_started {
            thread::Builder::new()
                .name("ort-deadlines".into())
                .spawn(move || self.keep())?;
            runs.is_started = true;
        }
        let key = (deadline, runs.next);
        runs.next += 1;
        runs.by_deadline.insert(key, run);
        if runs.by_deadline.keys().next() == Some(&key) {
            self.changed.notify_one();
        }
        Ok(Watched(self, key))
    }

    fn keep(&self) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            runs = match runs.by_deadline.first_key_value().map(|(key, _)| key.0) {
                Some(deadline) if deadline <= now => {
                    let late = runs.by_deadline.pop_first();
                    if let Some(Err(error)) = late.map(|(_, run)| run.terminate()) {
                        tracing::debug!(%error, "a late run could not be stopped");
                    }
                    runs
                }
                Some(deadline) => {
                    let waited = self.changed.wait_timeout(runs, deadline - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(runs).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut runs = self.0.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.by_deadline.remove(&self.1);
    }
}

pub(super) static WATCH: Watch = Watch {
    runs: Mutex::new(Runs {
        by_deadline: BTreeMap::new(),
        next: 0,
        is_started: false,
    }),
    changed: Condvar::new(),
};
