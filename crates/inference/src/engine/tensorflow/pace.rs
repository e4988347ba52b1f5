//! On which thread a run goes, and how it is kept to its deadline.
//!
//! On the calling thread a small graph runs several times as fast as when it is handed to TensorFlow's pool; but there
//! nobody is left to stop it. So a run with a deadline takes the pool, unless all that is known of the model says that
//! it ends long before.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prost::Message as _;
use strongroom_api::serving::saved_model::{GraphDef, RunOptions};

use super::session::Threads;

/// What is known of a model's speed.
pub(super) struct Pace {
    threads: Threads,
    /// How long a run takes is for its input to say: the past says nothing.
    loops: bool,
    /// Nanoseconds per byte of input of the slowest runs lately; zero before the first.
    slowest: AtomicU64,
}

/// How one run goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// On the calling thread, without a limit.
    Caller,
    /// As the session is set up, for so many milliseconds; zero is without a limit.
    Session(i64),
}

/// There is no time left.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Late;

impl Pace {
    pub(super) fn new(threads: Threads, graph: Option<&GraphDef>) -> Self {
        let nodes = graph.into_iter().flat_map(|graph| {
            let functions = graph.library.iter().flat_map(|library| &library.function);
            let inner = functions.flat_map(|function| &function.node_def);
            graph.node.iter().chain(inner)
        });
        Self {
            threads,
            loops: nodes.into_iter().any(|node| LOOPS.contains(&node.op.as_str())),
            slowest: AtomicU64::new(0),
        }
    }

    /// The way for inputs of `bytes` that must be done at `deadline`.
    pub(super) fn way(&self, bytes: usize, deadline: Option<Instant>, now: Instant) -> Result<Way, Late> {
        let Some(deadline) = deadline else {
            return Ok(match self.threads {
                Threads::Caller => Way::Caller,
                Threads::Session => Way::Session(0),
            });
        };
        let left = deadline.saturating_duration_since(now);
        let milliseconds = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
        if milliseconds == 0 {
            return Err(Late);
        }
        if self.threads == Threads::Caller && self.is_short(bytes, left) {
            return Ok(Way::Caller);
        }
        Ok(Way::Session(milliseconds))
    }

    fn is_short(&self, bytes: usize, left: Duration) -> bool {
        let slowest = self.slowest.load(Ordering::Relaxed);
        let expected = slowest.saturating_mul(size(bytes)).saturating_mul(MARGIN);
        !self.loops && slowest > 0 && Duration::from_nanos(expected) < left
    }

    /// Notes that inputs of `bytes` took so long.
    pub(super) fn note(&self, bytes: usize, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let one = (nanoseconds / size(bytes)).max(1);
        let slowest = self.slowest.load(Ordering::Relaxed);
        // What was slow once is forgotten slowly. Of two that write at once one is lost, and the next comes soon.
        let now = one.max(slowest - slowest / FORGET);
        if now != slowest {
            self.slowest.store(now, Ordering::Relaxed);
        }
    }
}

impl Way {
    /// Encoded `RunOptions`; empty for none.
    pub(super) fn options(&self) -> Vec<u8> {
        match *self {
            Self::Caller => RunOptions {
                inter_op_thread_pool: CALLER,
                ..RunOptions::default()
            },
            Self::Session(timeout_in_ms) => RunOptions {
                timeout_in_ms,
                ..RunOptions::default()
            },
        }
        .encode_to_vec()
    }
}

/// Small inputs take what any run takes.
fn size(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).max(SMALL)
}

/// The operators that repeat a body as often as a value says.
const LOOPS: [&str; 5] = ["While", "StatelessWhile", "For", "Enter", "RefEnter"];
/// `RunOptions.inter_op_thread_pool`: no pool.
const CALLER: i32 = -1;
const SMALL: u64 = 1 << 10;
/// How many times longer than expected a run may take and still end in time.
const MARGIN: u64 = 20;
const FORGET: u64 = 64;

#[cfg(test)]
mod tests {
    use strongroom_api::serving::saved_model::NodeDef;

    use super::*;

    fn pace(threads: Threads, operator: &str) -> Pace {
        let node = NodeDef {
            op: operator.to_owned(),
            ..NodeDef::default()
        };
        let graph = GraphDef {
            node: vec![node],
            ..GraphDef::default()
        };
        Pace::new(threads, Some(&graph))
    }

    #[test]
    fn the_caller_s_thread_is_for_runs_that_end_in_time() {
        let now = Instant::now();
        let after = |seconds| Some(now + Duration::from_secs(seconds));
        let pace = pace(Threads::Caller, "MatMul");
        assert_eq!(pace.way(0, None, now), Ok(Way::Caller));
        assert_eq!(
            pace.way(0, after(1), now),
            Ok(Way::Session(1000)),
            "nothing is known yet"
        );
        pace.note(0, Duration::from_millis(40));
        assert_eq!(pace.way(0, after(1), now), Ok(Way::Caller));
        assert_eq!(
            pace.way(1 << 20, after(1), now),
            Ok(Way::Session(1000)),
            "a large input"
        );
        assert_eq!(pace.way(1 << 20, after(3600), now), Ok(Way::Caller));
        pace.note(0, Duration::from_millis(60));
        assert_eq!(pace.way(0, after(1), now), Ok(Way::Session(1000)));
        assert_eq!(pace.way(0, Some(now), now), Err(Late));
        (0..200).for_each(|_| pace.note(0, Duration::from_micros(10)));
        assert_eq!(pace.way(0, after(1), now), Ok(Way::Caller), "forgotten");
    }

    #[test]
    fn loops_and_sessions_with_threads_never_take_the_caller_s() {
        let now = Instant::now();
        let deadline = Some(now + Duration::from_secs(1));
        for pace in [pace(Threads::Caller, "While"), pace(Threads::Session, "MatMul")] {
            pace.note(0, Duration::from_micros(1));
            assert_eq!(pace.way(0, deadline, now), Ok(Way::Session(1000)));
        }
        assert_eq!(
            pace(Threads::Session, "MatMul").way(0, None, now),
            Ok(Way::Session(0))
        );
    }
}
