//! Histograms that many threads fill at once, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts in buckets, each up to its bound; `N` of them, and one for what is larger.
#[derive(Debug)]
pub(super) struct Histogram<const N: usize> {
    bounds: &'static [f64; N],
    counts: [AtomicU64; N],
    above: AtomicU64,
    /// In thousandths: whole nanoseconds where the unit is a microsecond.
    sum_milli: AtomicU64,
}

/// Microseconds: 10 · 1.8^k.
pub(super) type Latency = Histogram<33>;
/// Rows of a request: 2^k.
pub(super) type Examples = Histogram<15>;

/// What a histogram held at one moment.
#[derive(Debug)]
pub(super) struct Reading {
    /// Bounds, and how many values are not above them.
    pub(super) buckets: Vec<(f64, u64)>,
    pub(super) sum: f64,
    pub(super) count: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self::new(&LATENCY_BOUNDS)
    }
}

impl Default for Examples {
    fn default() -> Self {
        Self::new(&EXAMPLE_BOUNDS)
    }
}

impl Latency {
    pub(super) fn add(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.record(took.as_secs_f64() * 1e6, nanos);
    }
}

impl Examples {
    pub(super) fn add(&self, count: usize) {
        self.record(count as f64, (count as u64).saturating_mul(1000));
    }
}

impl<const N: usize> Histogram<N> {
    fn new(bounds: &'static [f64; N]) -> Self {
        Self {
            bounds,
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            above: AtomicU64::new(0),
            sum_milli: AtomicU64::new(0),
        }
    }

    fn record(&self, value: f64, milli: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts
            .get(bucket)
            .unwrap_or(&self.above)
            .fetch_add(1, Ordering::Relaxed);
        self.sum_milli.fetch_add(milli, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Reading {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(N);
        for (bound, bucket) in self.bounds.iter().zip(&self.counts) {
            count += bucket.load(Ordering::Relaxed);
            buckets.push((*bound, count));
        }
        Reading {
            buckets,
            sum: self.sum_milli.load(Ordering::Relaxed) as f64 / 1e3,
            count: count + self.above.load(Ordering::Relaxed),
        }
    }
}

static LATENCY_BOUNDS: [f64; 33] = exponential(10.0, 1.8);
static EXAMPLE_BOUNDS: [f64; 15] = exponential(1.0, 2.0);

const fn exponential<const N: usize>(first: f64, growth: f64) -> [f64; N] {
    let mut bounds = [first; N];
    let mut index = 1;
    while index < N {
        bounds[index] = bounds[index - 1] * growth;
        index += 1;
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_their_buckets() {
        let histogram = Examples::default();
        for count in [1, 2, 3, 16_384, 16_385] {
            histogram.add(count);
        }
        let reading = histogram.read();
        let counts = reading
            .buckets
            .iter()
            .map(|(_, count)| *count)
            .collect::<Vec<_>>();
        assert_eq!(counts, [1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4]);
        assert_eq!((reading.count, reading.sum), (5, 32_775.0));
        assert_eq!(reading.buckets[14].0, 16_384.0);
    }

    #[test]
    fn times_are_microseconds() {
        let histogram = Latency::default();
        histogram.add(Duration::from_nanos(18_500));
        histogram.add(Duration::MAX);
        let reading = histogram.read();
        assert_eq!(reading.buckets[1], (18.0, 0));
        assert_eq!(reading.buckets[2].1, 1);
        assert_eq!((reading.buckets[32].1, reading.count), (1, 2));
    }
}
