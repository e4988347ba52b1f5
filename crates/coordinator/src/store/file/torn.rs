//! Crashes at every byte: what was acknowledged is found again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use proptest::prelude::*;

use super::FileStore;
use super::folder::Folder;
use crate::store::contract::{self, batch, entry, head};
use crate::store::{Entry, StoreError};

#[tokio::test]
async fn keeps_the_contract() {
    let folder = tempfile::tempdir().expect("temporary folder");
    contract::run(|| FileStore::open(folder.path().join("state")).expect("opens")).await;
}

#[test]
fn a_second_process_is_refused_and_nobody_else_can_read() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("state");
    let mut open = Folder::open(path.clone()).expect("opens");
    assert!(matches!(Folder::open(path.clone()), Err(StoreError::Locked(_))));
    open.append(&head(0), &batch(0, 1, Some(b"state")))
        .expect("appends");
    assert_eq!(
        fs::metadata(&path).expect("folder").permissions().mode() & 0o777,
        0o700
    );
    for file in fs::read_dir(&path).expect("lists") {
        let file = file.expect("file");
        assert_eq!(
            file.metadata().expect("metadata").permissions().mode() & 0o777,
            0o600,
            "{:?}",
            file.file_name()
        );
    }
}

#[test]
fn who_writes_past_the_lock_causes_a_conflict() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut open = Folder::open(folder.path().to_owned()).expect("opens");
    open.append(&head(0), &batch(0, 1, None)).expect("appends");
    let segment = folder.path().join("segment-0");
    let mut bytes = fs::read(&segment).expect("reads");
    bytes.extend_from_slice(&bytes.clone());
    fs::write(&segment, bytes).expect("writes");
    assert!(matches!(
        open.append(&head(1), &batch(1, 1, None)),
        Err(StoreError::Conflict { .. })
    ));
}

/// What is done to a log: batches of so many entries, some with a snapshot.
fn history() -> impl Strategy<Value = Vec<(u64, bool)>> {
    prop::collection::vec((1..4_u64, prop::bool::weighted(0.3)), 1..8)
}

fn write(path: &Path, history: &[(u64, bool)]) -> u64 {
    let mut open = Folder::open(path.to_owned()).expect("opens");
    let mut size = 0;
    for (count, snapshot) in history {
        let bytes = format!("state at {}", size + count);
        open.append(
            &head(size),
            &batch(size, *count, snapshot.then_some(bytes.as_bytes())),
        )
        .expect("appends");
        size += count;
    }
    size
}

fn records(open: &Folder) -> Vec<Vec<u8>> {
    let entries = open.read(0, usize::MAX).expect("reads");
    entries.into_iter().map(|Entry { record, .. }| record).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("makes a folder");
    for file in fs::read_dir(from).expect("lists") {
        let file = file.expect("file");
        fs::copy(file.path(), to.join(file.file_name())).expect("copies");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    /// The last batch is written and cut at every byte: all batches before it are there, it is there whole or not at all,
    /// and the log goes on.
    #[test]
    fn a_torn_tail_at_any_byte_keeps_every_acknowledged_record(history in history(), last in 1..4_u64) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let written = folder.path().join("written");
        let acknowledged = write(&written, &history);
        let segment = fs::read_dir(&written).expect("lists")
            .map(|file| file.expect("file").file_name().into_string().expect("name"))
            .find(|name| name.starts_with("segment-")).expect("a segment");
        let before = fs::metadata(written.join(&segment)).expect("segment").len();
        let mut open = Folder::open(written.clone()).expect("opens again");
        open.append(&head(acknowledged), &batch(acknowledged, last, None)).expect("appends");
        drop(open);
        let whole = fs::read(written.join(&segment)).expect("reads");
        let before = usize::try_from(before).expect("small");

        for cut in before..=whole.len() {
            let torn = folder.path().join(format!("torn-{cut}"));
            copy(&written, &torn);
            fs::write(torn.join(&segment), &whole[..cut]).expect("cuts");
            let mut open = Folder::open(torn.clone()).expect("opens what a crash left");
            let size = if cut == whole.len() { acknowledged + last } else { acknowledged };
            let want: Vec<_> = (0..size).map(|n| entry(n).record).collect();
            prop_assert_eq!(records(&open), want, "cut at {}", cut);
            open.append(&head(size), &batch(size, 1, None)).expect("goes on");
            drop(open);
            fs::remove_dir_all(torn).expect("removes");
        }
    }
}

proptest! {
    // Each case is some thousand openings, each with its syncs.
    #![proptest_config(ProptestConfig { cases: 2, failure_persistence: None, ..ProptestConfig::default() })]

    /// A batch with its snapshot, stopped between any two of its steps and inside each: it is there or not, as its
    /// snapshot is.
    #[test]
    fn a_snapshot_stopped_anywhere_is_there_whole_or_not_at_all(history in history(), last in 1..4_u64) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let acknowledged = write(&old, &history);
        copy(&old, &new);
        let mut open = Folder::open(new.clone()).expect("opens");
        open.append(&head(acknowledged), &batch(acknowledged, last, Some(b"newest"))).expect("appends");
        drop(open);
        let archive = fs::read(new.join("archive")).expect("reads");
        let archived_before = fs::metadata(old.join("archive")).expect("archive").len();
        let archived_before = usize::try_from(archived_before).expect("small");

        let check = |path: &Path, size: u64| {
            let mut open = Folder::open(path.to_owned()).expect("opens what a crash left");
            let want: Vec<_> = (0..size).map(|n| entry(n).record).collect();
            assert_eq!(records(&open), want);
            open.append(&head(size), &batch(size, 1, Some(b"next"))).expect("goes on");
            drop(open);
            fs::remove_dir_all(path).expect("removes");
        };
        // Before the rename: a part of the new file lies beside the old one.
        let at = folder.path().join("unrenamed");
        copy(&old, &at);
        fs::write(at.join("snapshot.new"), b"part").expect("writes");
        check(&at, acknowledged);
        // After it, with the archive cut at every byte, the old segment still there, the new one there or not.
        for cut in archived_before..=archive.len() {
            for begun in [false, true] {
                if begun && cut < archive.len() {
                    continue; // the new segment is begun after the archive is on the medium
                }
                let at = folder.path().join("renamed");
                copy(&old, &at);
                fs::copy(new.join("snapshot"), at.join("snapshot")).expect("copies");
                fs::write(at.join("archive"), &archive[..cut]).expect("cuts");
                if begun {
                    fs::write(at.join(format!("segment-{}", acknowledged + last)), b"").expect("writes");
                }
                check(&at, acknowledged + last);
            }
        }
    }
}

#[test]
fn damage_that_no_crash_leaves_is_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let good = folder.path().join("good");
    write(&good, &[(2, true), (1, false), (1, false)]);
    type Change = fn(&mut Vec<u8>);
    let cases: [(&str, Change); 5] = [
        ("segment-2", |bytes| bytes[20] ^= 1),
        ("archive", |bytes| bytes[14] ^= 1),
        ("archive", |bytes| bytes.truncate(0)),
        ("snapshot", |bytes| bytes[30] ^= 1),
        ("snapshot", |bytes| bytes.truncate(40)),
    ];
    for (n, (file, change)) in cases.into_iter().enumerate() {
        let changed = folder.path().join(format!("changed-{n}"));
        copy(&good, &changed);
        let mut bytes = fs::read(changed.join(file)).expect("reads");
        change(&mut bytes);
        fs::write(changed.join(file), bytes).expect("writes");
        assert!(
            matches!(Folder::open(changed), Err(StoreError::Damaged(_))),
            "{n}: {file}"
        );
    }
}
