//! Bounded loops, alone or with several clients at once, and what came of them.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::Failure;

/// When a measurement ends, whichever comes first, and how often it is made.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// After this time.
    pub time: Duration,
    /// After so many repetitions.
    pub count: usize,
    /// How many times everything is measured; the round in the middle counts.
    pub rounds: usize,
}

/// One measurement.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Repetitions each second, all clients together.
    pub per_second: f64,
    /// Half of the repetitions took at most so long.
    pub p50: Duration,
    /// All but one in a hundred took at most so long.
    pub p99: Duration,
    /// Repetitions.
    pub count: usize,
}

impl Figures {
    fn of(mut times: Vec<Duration>, wall: Duration) -> Result<Self, Failure> {
        times.sort_unstable();
        let at = |share: f64| {
            let index = (times.len() as f64 * share).ceil() as usize;
            times.get(index.saturating_sub(1)).copied()
        };
        Ok(Self {
            per_second: times.len() as f64 / wall.as_secs_f64(),
            p50: at(0.5).ok_or("nothing was measured")?,
            p99: at(0.99).ok_or("nothing was measured")?,
            count: times.len(),
        })
    }

    /// The measurement in the middle, by rate.
    ///
    /// # Errors
    /// When there is none.
    pub fn middle(mut rounds: Vec<Self>) -> Result<Self, Failure> {
        rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        let middle = rounds.len() / 2;
        rounds
            .into_iter()
            .nth(middle)
            .ok_or_else(|| "nothing was measured".into())
    }
}

/// Repeats `work` on this thread.
///
/// # Errors
/// The first failure of `work`.
pub fn alone(bounds: Bounds, mut work: impl FnMut() -> Result<(), Failure>) -> Result<Figures, Failure> {
    let started = Instant::now();
    let mut times = Vec::new();
    while times.len() < bounds.count && started.elapsed() < bounds.time {
        let one = Instant::now();
        work()?;
        times.push(one.elapsed());
    }
    Figures::of(times, started.elapsed())
}

/// Repeats `work` on `threads` threads; `inside` wraps each thread's whole loop.
///
/// # Errors
/// The first failure of `work`.
pub fn on_threads(
    threads: usize,
    bounds: Bounds,
    inside: impl Fn(&mut (dyn FnMut() + Send)) + Sync,
    work: impl Fn() -> Result<(), Failure> + Sync,
) -> Result<Figures, Failure> {
    let left = Budget::new(bounds);
    let ended: Vec<Result<Vec<Duration>, Failure>> = std::thread::scope(|scope| {
        let one = || {
            let mut outcome = Ok(Vec::new());
            inside(&mut || {
                outcome = (|| {
                    let mut times = Vec::new();
                    while left.take() {
                        let one = Instant::now();
                        work()?;
                        times.push(one.elapsed());
                    }
                    Ok(times)
                })();
            });
            outcome
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let joined = running.into_iter().map(|thread| thread.join());
        joined
            .map(|ended| ended.unwrap_or_else(|_| Err("a thread panicked".into())))
            .collect()
    });
    let wall = left.0.elapsed();
    let times: Vec<Vec<Duration>> = ended.into_iter().collect::<Result<_, _>>()?;
    Figures::of(times.concat(), wall)
}

/// Repeats `work` with all `clients` at once. A client is handed in and handed back.
///
/// # Errors
/// The first failure of `work`.
pub async fn together<C, F>(
    clients: Vec<C>,
    bounds: Bounds,
    work: impl Fn(C) -> F + Clone + Send + 'static,
) -> Result<Figures, Failure>
where
    C: Send + 'static,
    F: Future<Output = Result<C, Failure>> + Send,
{
    let left = Arc::new(Budget::new(bounds));
    let mut running = Vec::new();
    for mut client in clients {
        let (left, work) = (Arc::clone(&left), work.clone());
        running.push(tokio::spawn(async move {
            let mut times = Vec::new();
            while left.take() {
                let one = Instant::now();
                client = work(client).await?;
                times.push(one.elapsed());
            }
            Ok::<_, Failure>(times)
        }));
    }
    let mut times = Vec::new();
    for client in running {
        times.extend(client.await??);
    }
    Figures::of(times, left.0.elapsed())
}

struct Budget(Instant, AtomicUsize, Bounds);

impl Budget {
    fn new(bounds: Bounds) -> Self {
        Self(Instant::now(), AtomicUsize::new(0), bounds)
    }

    fn take(&self) -> bool {
        self.0.elapsed() < self.2.time && self.1.fetch_add(1, Ordering::Relaxed) < self.2.count
    }
}

/// Milliseconds, for a table.
#[must_use]
pub fn ms(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1e3)
}
