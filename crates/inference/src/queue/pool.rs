//! Threads that take calls from one queue.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;

use strongroom_api::serving::Code;
use tokio::sync::oneshot;

use crate::engine::rten::in_own_pool;
use crate::error::RequestError;

/// Workers and their queue. Dropping the last handle lets them finish what is queued and end.
#[derive(Debug)]
pub struct Workers {
    queue: Arc<Queue>,
}

/// A call that waits.
struct Job {
    run: Box<dyn FnOnce() + Send>,
    /// Dead once its caller has gone.
    caller: Weak<()>,
}

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    jobs_max: usize,
}

struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Workers {
    /// Starts `count` workers (at least one) with room for `jobs_max` waiting calls.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(count: usize, jobs_max: usize) -> std::io::Result<Self> {
        let state = Mutex::new(State {
            jobs: VecDeque::new(),
            closed: false,
        });
        let queue = Arc::new(Queue {
            state,
            changed: Condvar::new(),
            jobs_max,
        });
        let workers = Self { queue };
        for index in 0..count.max(1) {
            let queue = Arc::clone(&workers.queue);
            thread::Builder::new()
                .name(format!("model-worker-{index}"))
                .spawn(move || in_own_pool(|| queue.work()))?;
        }
        Ok(workers)
    }

    /// Runs `call` on a worker and waits for its answer. Dropping the future before its turn takes the call back.
    ///
    /// # Errors
    /// What `call` answers; `UNAVAILABLE` when the queue is full; `INTERNAL` when `call` panics.
    pub async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> Result<T, RequestError> + Send + 'static,
    ) -> Result<T, RequestError> {
        let (answer, answered) = oneshot::channel();
        let caller = Arc::new(());
        let run = Box::new(move || {
            let outcome = catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(broken()));
            // The caller may have gone while the model ran.
            let _ = answer.send(outcome);
        });
        self.queue.push(Job {
            run,
            caller: Arc::downgrade(&caller),
        })?;
        let outcome = answered.await.unwrap_or_else(|_| Err(broken()));
        drop(caller);
        outcome
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.changed.notify_all();
    }
}

impl Queue {
    fn push(&self, job: Job) -> Result<(), RequestError> {
        let mut state = self.lock();
        if state.jobs.len() >= self.jobs_max {
            // Callers that have gone hold no place against those who wait.
            state.jobs.retain(|job| job.caller.strong_count() > 0);
        }
        if state.jobs.len() >= self.jobs_max {
            let message = format!(
                "The queue of model calls is full; at most {} may wait",
                self.jobs_max
            );
            return Err(RequestError::new(Code::Unavailable, message));
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            if job.caller.strong_count() > 0 {
                (job.run)();
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("jobs_max", &self.jobs_max)
            .finish_non_exhaustive()
    }
}

fn broken() -> RequestError {
    RequestError::new(Code::Internal, "the model could not be run")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn answers_and_survives_a_panic() {
        let workers = Workers::start(1, 4).expect("threads");
        assert_eq!(workers.run(|| Ok(7)).await, Ok(7));
        let panicked = workers.run::<()>(|| panic!("engine")).await;
        assert_eq!(panicked.expect_err("a panic").code(), Code::Internal);
        assert_eq!(workers.run(|| Ok(8)).await, Ok(8));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_full_queue_refuses_and_an_abandoned_call_never_runs() {
        let workers = Arc::new(Workers::start(1, 1).expect("threads"));
        let (release, held) = mpsc::sync_channel::<()>(1);
        let (started, is_running) = oneshot::channel();
        let busy = {
            let workers = Arc::clone(&workers);
            tokio::spawn(async move {
                let wait = move || {
                    started.send(()).expect("the test waits");
                    held.recv().expect("the test releases");
                    Ok(())
                };
                workers.run(wait).await
            })
        };
        is_running.await.expect("the worker is busy");
        let (ran, has_run) = mpsc::sync_channel::<()>(1);
        let waiting = {
            let workers = Arc::clone(&workers);
            tokio::spawn(async move { workers.run(move || ran.send(()).map_err(|_| broken())).await })
        };
        while workers.queue.lock().jobs.is_empty() {
            tokio::task::yield_now().await;
        }
        let refused = workers.run(|| Ok(())).await;
        assert_eq!(refused.expect_err("a full queue").code(), Code::Unavailable);
        waiting.abort();
        let _ = waiting.await;
        release.send(()).expect("the worker waits");
        assert_eq!(busy.await.expect("joined"), Ok(()));
        assert_eq!(workers.run(|| Ok(())).await, Ok(()));
        assert!(has_run.try_recv().is_err());
    }
}
