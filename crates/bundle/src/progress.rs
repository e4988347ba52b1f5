//! How far long work has come: a callback that is called often and must be quick.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Called with bytes done and, where it is known, bytes in all; from several threads.
type Callback = dyn Fn(u64, Option<u64>) + Send + Sync;

/// Who wants to know how far the work has come.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Callback>>);

impl Progress {
    /// Nobody.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Calls `report` with bytes of plaintext done, and bytes in all where that is known.
    #[must_use]
    pub fn new(report: impl Fn(u64, Option<u64>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(report)))
    }

    pub(crate) fn counter(&self, total: Option<u64>) -> Counter {
        Counter {
            progress: self.clone(),
            done: AtomicU64::new(0),
            total,
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Progress(..)"
        } else {
            "Progress(none)"
        })
    }
}

/// Counts what several threads do.
#[derive(Debug)]
pub(crate) struct Counter {
    progress: Progress,
    done: AtomicU64,
    total: Option<u64>,
}

impl Counter {
    pub(crate) fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(report) = &self.progress.0 {
            report(done, self.total);
        }
    }
}
