//! Unauthenticated peers that were refused: counted, and committed as one bounded summary per interval. A log that they
//! could fill would be theirs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counts by code since the last summary.
#[derive(Debug)]
pub struct Refusals(Mutex<Counting>);

#[derive(Debug)]
struct Counting {
    since_ms: u64,
    counts: BTreeMap<&'static str, u64>,
}

/// One summary.
#[derive(Debug, PartialEq, Eq)]
pub struct Summary {
    /// Milliseconds since 1970, when counting began.
    pub since_ms: u64,
    /// By code, which comes from a closed set.
    pub counts: BTreeMap<&'static str, u64>,
}

impl Refusals {
    /// Begins counting.
    pub const fn new(now_ms: u64) -> Self {
        Self(Mutex::new(Counting {
            since_ms: now_ms,
            counts: BTreeMap::new(),
        }))
    }

    /// Counts one refusal.
    pub fn count(&self, code: &'static str) {
        let mut counting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counting.counts.entry(code).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// What was counted, if anything; counting begins anew.
    pub fn take(&self, now_ms: u64) -> Option<Summary> {
        let mut counting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since_ms = std::mem::replace(&mut counting.since_ms, now_ms);
        let counts = std::mem::take(&mut counting.counts);
        (!counts.is_empty()).then_some(Summary { since_ms, counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_refusals_are_one_summary() {
        let refusals = Refusals::new(5);
        assert_eq!(refusals.take(6), None);
        for _ in 0..1000 {
            refusals.count("user.unauthenticated");
        }
        let counts = BTreeMap::from([("user.unauthenticated", 1000)]);
        assert_eq!(refusals.take(9), Some(Summary { since_ms: 6, counts }));
        assert_eq!(refusals.take(10), None);
    }
}
