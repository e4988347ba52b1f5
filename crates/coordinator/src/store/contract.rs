//! What every backend must do. Each runs this suite.

use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::{Digest32, sha256};

use super::{Batch, Entry, Store, StoreError};

/// An entry that can be told from others.
pub(crate) fn entry(n: u64) -> Entry {
    let sealed = format!("sealed {n}").into_bytes();
    Entry {
        record: format!("record {n}").into_bytes(),
        sealed_digest: sha256(&sealed),
        sealed,
    }
}

/// A head that stands for `size` entries.
pub(crate) fn head(size: u64) -> LogHead {
    LogHead {
        epoch: 1,
        size,
        hash: Digest32([size as u8; 32]),
    }
}

/// A batch of `count` entries from `first` on.
pub(crate) fn batch(first: u64, count: u64, snapshot: Option<&[u8]>) -> Batch {
    let entries = (first..first + count).map(entry).collect();
    Batch {
        entries,
        head: head(first + count),
        snapshot: snapshot.map(<[u8]>::to_vec),
    }
}

/// Runs the suite; `open` opens the same place again, after the last handle was dropped.
pub(crate) async fn run<S: Store>(open: impl Fn() -> S) {
    let store = open();
    let empty = store.load().await.expect("an empty place loads");
    assert_eq!(
        (empty.size, empty.snapshot.is_some(), empty.keys),
        (0, false, None)
    );

    store.put_keys(b"keys".to_vec()).await.expect("keys are written");
    assert_eq!(
        store
            .append(&head(0), batch(0, 2, None))
            .await
            .expect("first batch"),
        head(2)
    );
    store
        .append(&head(2), batch(2, 1, None))
        .await
        .expect("second batch");
    conflicts(&store).await;
    reads(&store, 3, 0).await;

    store
        .append(&head(3), batch(3, 2, Some(b"state at 5")))
        .await
        .expect("a batch with its snapshot");
    store
        .append(&head(5), batch(5, 1, None))
        .await
        .expect("a batch behind it");
    reads(&store, 6, 5).await;
    drop(store);

    let store = open();
    let loaded = store.load().await.expect("loads again");
    assert_eq!(loaded.size, 6);
    assert_eq!(loaded.keys.as_deref(), Some(&b"keys"[..]));
    assert_eq!(loaded.snapshot, Some((head(5), b"state at 5".to_vec())));
    reads(&store, 6, 5).await;

    store
        .snapshot(&head(6), b"state at 6".to_vec())
        .await
        .expect("a snapshot by itself");
    assert!(matches!(
        store.snapshot(&head(5), Vec::new()).await,
        Err(StoreError::Conflict { .. })
    ));
    reads(&store, 6, 6).await;
    drop(store);
    let loaded = open().load().await.expect("loads again");
    assert_eq!(
        (loaded.size, loaded.snapshot),
        (6, Some((head(6), b"state at 6".to_vec())))
    );
}

async fn conflicts<S: Store>(store: &S) {
    for stale in [0, 2, 4] {
        let refused = store.append(&head(stale), batch(stale, 1, None)).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict { found: 3, .. })),
            "{refused:?}"
        );
    }
}

/// All entries are there, in order; those that a snapshot covers have lost their sealed part and nothing else.
async fn reads<S: Store>(store: &S, size: u64, covered: u64) {
    let all = store.read(0, usize::MAX).await.expect("reads");
    assert_eq!(all.len() as u64, size);
    for (n, found) in (0..).zip(&all) {
        let want = entry(n);
        assert_eq!(
            (&found.record, found.sealed_digest),
            (&want.record, want.sealed_digest),
            "entry {n}"
        );
        assert_eq!(found.sealed.is_empty(), n < covered, "entry {n}");
    }
    assert_eq!(store.read(1, 1).await.expect("reads"), all[1..2]);
    assert!(store.read(size, 10).await.expect("reads").is_empty());
}
