//! The writer over a store that fails on demand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use strongroom_attest::platform::software::{Authority, Statement};
use strongroom_attest::{Evidence, Platform, Protection};
use strongroom_attester::{Attester, AttesterError, CounterName, SealPolicy, Workload};
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::sha256;
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::secret::SealKey;
use strongroom_crypto::time::UnixTime;

use super::*;
use crate::pki::coordinator_names;
use crate::state::PhaseName;
use crate::store::file::FileStore;
use crate::store::{Batch, Entry, Loaded, StoreError};

const NOW: UnixTime = UnixTime(1_790_000_000);

/// A file store whose next appends fail, and which counts them.
struct Failing {
    inner: FileStore,
    conflicts: AtomicUsize,
    failures: AtomicUsize,
    appended: AtomicUsize,
}

fn take(count: &AtomicUsize) -> bool {
    count
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        .is_ok()
}

#[async_trait]
impl Store for Failing {
    async fn load(&self) -> Result<Loaded, StoreError> {
        self.inner.load().await
    }

    async fn append(&self, expected: &LogHead, batch: Batch) -> Result<LogHead, StoreError> {
        if take(&self.conflicts) {
            return Err(StoreError::Conflict {
                expected: expected.size,
                found: expected.size + 1,
            });
        }
        if take(&self.failures) {
            return Err(StoreError::Io {
                what: "written",
                source: std::io::Error::other("full"),
            });
        }
        self.appended.fetch_add(1, Ordering::SeqCst);
        self.inner.append(expected, batch).await
    }

    async fn read(&self, from: u64, max: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.read(from, max).await
    }

    async fn snapshot(&self, head: &LogHead, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.inner.snapshot(head, bytes).await
    }

    async fn put_keys(&self, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.inner.put_keys(bytes).await
    }
}

#[derive(Debug)]
struct OnePlatform {
    root: Authority,
    counter: std::sync::Mutex<u64>,
}

#[async_trait]
impl Attester for OnePlatform {
    fn platform(&self) -> Platform {
        Platform::Software
    }

    fn protection(&self) -> Protection {
        Protection::Simulated
    }

    async fn evidence(
        &self,
        report_data: &[u8; 64],
        _: Option<Workload<'_>>,
    ) -> Result<Evidence, AttesterError> {
        Ok(self.root.issue(&Statement {
            simulator_version: "test".into(),
            report_data: *report_data,
            measurement: sha256(b"coordinator"),
            workload: None,
            issued_at: NOW,
            debug: false,
        }))
    }

    async fn seal_key(&self, _: SealPolicy) -> Result<SealKey, AttesterError> {
        Ok(SealKey::init_with(|key| key.fill(3)))
    }

    async fn counter_read(&self, _: &CounterName) -> Result<u64, AttesterError> {
        Ok(*self.counter.lock().expect("counter"))
    }

    async fn counter_advance(&self, _: &CounterName) -> Result<u64, AttesterError> {
        let mut counter = self.counter.lock().expect("counter");
        *counter += 1;
        Ok(*counter)
    }
}

async fn start(folder: &std::path::Path) -> (WriterHandle, Arc<Failing>, Arc<OnePlatform>) {
    let store = Arc::new(Failing {
        inner: FileStore::open(folder).expect("opens"),
        conflicts: AtomicUsize::new(0),
        failures: AtomicUsize::new(0),
        appended: AtomicUsize::new(0),
    });
    let root = Authority::generate(NOW, &SystemRandom).expect("a root");
    let platform = Arc::new(OnePlatform {
        root,
        counter: std::sync::Mutex::new(0),
    });
    let tools = Tools {
        store: store.clone(),
        attester: platform.clone(),
        random: Arc::new(SystemRandom),
        clock: Arc::new(|| Now { ms: NOW.0 * 1000 }),
        names: coordinator_names(["localhost"]),
        endorsements: Arc::default(),
        version: "test".into(),
    };
    (open(tools).await.expect("opens"), store, platform)
}

fn command(n: u64) -> Command {
    Command::CountRefusals {
        since_ms: n,
        counts: BTreeMap::new(),
    }
}

#[tokio::test]
async fn what_waits_together_is_committed_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let (writer, store, _) = start(folder.path()).await;
    let before = (writer.view().head.size, store.appended.load(Ordering::SeqCst));
    let all = (0..100).map(|n| writer.submit(Actor::Anonymous, command(n)));
    let answers = futures::future::join_all(all).await;
    assert!(answers.iter().all(Result::is_ok));
    let view = writer.view();
    // 100 entries, and a checkpoint for them.
    assert_eq!(view.head.size, before.0 + 101);
    assert_eq!(
        store.appended.load(Ordering::SeqCst),
        before.1 + 1,
        "one sync for all of them"
    );
    let stored = store.read(before.0, 200).await.expect("reads");
    assert_eq!(stored.len(), 101);
}

#[tokio::test]
async fn counters_step_at_least_every_so_many_entries() {
    let folder = tempfile::tempdir().expect("a folder");
    let (writer, _, platform) = start(folder.path()).await;
    let before = *platform.counter.lock().expect("counter");
    for n in 0..CHECKPOINT_ENTRIES_MAX {
        writer
            .submit(Actor::Anonymous, command(n))
            .await
            .expect("committed");
    }
    assert_eq!(*platform.counter.lock().expect("counter"), before + 1);
    let view = writer.view();
    let checkpoint = view.checkpoint.as_ref().expect("a checkpoint");
    assert!(view.head.size - checkpoint.head.size < CHECKPOINT_ENTRIES_MAX);
}

#[tokio::test]
async fn a_conflict_is_decided_again_and_given_up_after_some_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let (writer, store, _) = start(folder.path()).await;
    let before = writer.view().head.size;
    store.conflicts.store(2, Ordering::SeqCst);
    writer
        .submit(Actor::Anonymous, command(1))
        .await
        .expect("decided again");
    assert_eq!(writer.view().head.size, before + 1);
    store.conflicts.store(3, Ordering::SeqCst);
    let given_up = writer.submit(Actor::Anonymous, command(2)).await;
    assert_eq!(given_up.map(|_| ()), Err(Refusal::Stale));
    assert_eq!(writer.view().head.size, before + 1, "nothing of it is seen");
    writer
        .submit(Actor::Anonymous, command(3))
        .await
        .expect("goes on");
}

#[tokio::test]
async fn what_did_not_reach_the_medium_is_not_seen_and_ends_the_writer() {
    let folder = tempfile::tempdir().expect("a folder");
    let (writer, store, _) = start(folder.path()).await;
    let before = writer.view().head;
    store.failures.store(1, Ordering::SeqCst);
    let failed = writer.submit(Actor::Anonymous, command(1)).await;
    assert_eq!(failed.map(|_| ()), Err(Refusal::Store));
    writer.ended().await;
    assert_eq!(writer.view().head, before);
    let after = writer.submit(Actor::Anonymous, command(2)).await;
    assert_eq!(after.map(|_| ()), Err(Refusal::Store));
}

#[tokio::test]
async fn a_counter_that_somebody_else_stepped_stops_every_release() {
    let folder = tempfile::tempdir().expect("a folder");
    let (writer, _, platform) = start(folder.path()).await;
    *platform.counter.lock().expect("counter") += 1;
    let mut last = Ok(());
    for n in 0..CHECKPOINT_ENTRIES_MAX {
        last = writer.submit(Actor::Anonymous, command(n)).await.map(|_| ());
    }
    assert_eq!(last, Err(Refusal::RolledBack));
    assert_eq!(writer.view().phase, PhaseName::RolledBack);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (writer, _, _) = start(folder.path()).await;
    // None of them is polled a second time before all are queued, so the writer has not run.
    let all = (0..=QUEUE_COMMANDS_MAX as u64).map(|n| writer.submit(Actor::Anonymous, command(n)));
    let answers = futures::future::join_all(all).await;
    let full = answers
        .iter()
        .filter(|answer| matches!(answer, Err(Refusal::QueueFull)))
        .count();
    assert_eq!(full, 1);
    assert_eq!(
        answers.iter().filter(|answer| answer.is_ok()).count(),
        QUEUE_COMMANDS_MAX
    );
}
