//! A map that grows seldom and is read by every request: readers take no lock and allocate nothing.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

/// Cells by key, at most [`CELLS_MAX`] of them.
pub(super) struct Cells<K, V> {
    snapshot: ArcSwap<HashMap<K, Arc<V>>>,
    writers: Mutex<()>,
}

impl<K, V> Default for Cells<K, V> {
    fn default() -> Self {
        Self {
            snapshot: ArcSwap::from_pointee(HashMap::new()),
            writers: Mutex::new(()),
        }
    }
}

impl<K: Hash + Eq + Clone, V: Default> Cells<K, V> {
    /// Lets `update` change the cell of `key`, which is made where there is none. Beyond the limit nothing happens.
    pub(super) fn with<Q>(&self, key: &Q, update: impl FnOnce(&Arc<V>))
    where
        K: Borrow<Q> + for<'a> From<&'a Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(cell) = self.snapshot.load().get(key) {
            return update(cell);
        }
        if let Some(cell) = self.insert(K::from(key)) {
            update(&cell);
        }
    }

    /// Forgets the cell of `key`.
    pub(super) fn remove<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let _writer = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cells = HashMap::clone(&self.snapshot.load());
        if cells.remove(key).is_some() {
            self.snapshot.store(Arc::new(cells));
        }
    }

    /// All cells, in the order of their keys.
    pub(super) fn sorted(&self) -> Vec<(K, Arc<V>)>
    where
        K: Ord,
    {
        let snapshot = self.snapshot.load();
        let mut cells: Vec<_> = snapshot
            .iter()
            .map(|(key, cell)| (key.clone(), Arc::clone(cell)))
            .collect();
        cells.sort_by(|(left, _), (right, _)| left.cmp(right));
        cells
    }

    fn insert(&self, key: K) -> Option<Arc<V>> {
        let _writer = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot.load();
        // Another writer may have been faster.
        if let Some(cell) = snapshot.get(&key) {
            return Some(Arc::clone(cell));
        }
        if snapshot.len() >= CELLS_MAX {
            return None;
        }
        let cell = Arc::<V>::default();
        let mut cells = HashMap::clone(&snapshot);
        cells.insert(key, Arc::clone(&cell));
        self.snapshot.store(Arc::new(cells));
        Some(cell)
    }
}

/// Far more than there are models, versions of one or signatures of one; names that come from outside end here.
const CELLS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn every_count_of_every_thread_arrives() {
        let cells = Cells::<Box<str>, AtomicU64>::default();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for round in 0..800 {
                        let name = (round % 8).to_string();
                        cells.with(name.as_str(), |cell| {
                            cell.fetch_add(1, Ordering::Relaxed);
                        });
                    }
                });
            }
        });
        let counts = cells.sorted();
        assert_eq!(counts.len(), 8);
        for (name, count) in counts {
            assert_eq!(count.load(Ordering::Relaxed), 800, "{name}");
        }
        cells.remove("3");
        assert_eq!(cells.sorted().len(), 7);
    }

    #[test]
    fn strangers_find_no_room_without_end() {
        let full = (0..CELLS_MAX).map(|number| (number.to_string().into(), Arc::default()));
        let cells = Cells::<Box<str>, AtomicU64>::default();
        cells.snapshot.store(Arc::new(full.collect()));
        cells.with("one more", |_| panic!("there is no room"));
        let mut found = false;
        cells.with("7", |_| found = true);
        assert!(found);
    }
}
