//! Opening a folder: what was acknowledged is found, what was not is cut off, everything else is damage.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::codec::{self, SnapshotFile};
use super::folder::{ARCHIVE, Folder, Place, SEGMENT, SNAPSHOT, Segment};
use super::frame::{self, Next};
use super::medium::{open_append, read_if_there, reading, sync_folder, writing};
use crate::store::{Entry, StoreError};

pub(super) fn recover(path: PathBuf, lock: File) -> Result<Folder, StoreError> {
    let snapshot = read_snapshot(&path)?;
    let (archive, archive_bytes, places) = open_archive(&path)?;
    let mut segments = segment_files(&path)?;
    let archived = places.len() as u64;
    let covered = snapshot.as_ref().map_or(0, |snapshot| snapshot.head.size);
    if segments.is_empty() {
        segments.push(archived.max(covered));
    }
    let mut segments = segments
        .into_iter()
        .map(|first| open_segment(&path, first))
        .collect::<Result<Vec<_>, _>>()?;
    let mut open = segments.pop().expect("at least one segment was pushed above");
    for older in segments.into_iter().rev() {
        // A crash between beginning a new segment and removing the old one: the old one is archived already.
        if older.first + older.entries.len() as u64 > archived.max(covered) {
            return Err(StoreError::Damaged(
                "two segments hold entries that are not archived".to_owned(),
            ));
        }
        std::fs::remove_file(path.join(format!("{SEGMENT}{}", older.first))).map_err(writing)?;
        sync_folder(&path)?;
    }
    if open.first > archived.max(covered) {
        return Err(StoreError::Damaged(format!(
            "entries {archived} to {} are missing",
            open.first
        )));
    }
    if let Some(snapshot) = &snapshot {
        adopt(&mut open, snapshot)?;
    }
    let mut folder = Folder {
        path,
        _lock: lock,
        archive,
        archive_bytes,
        places,
        segment: open,
        broken: false,
    };
    if folder.segment.first < covered || (folder.places.len() as u64) < covered {
        folder.compact()?;
    }
    if (folder.places.len() as u64) != folder.segment.first {
        return Err(StoreError::Damaged(
            "the archive and the segment do not meet".to_owned(),
        ));
    }
    Ok(folder)
}

/// Takes in the entries that were committed with the snapshot and did not reach the archive.
fn adopt(segment: &mut Segment, snapshot: &SnapshotFile) -> Result<(), StoreError> {
    let carried = snapshot.entries.len() as u64;
    let first = snapshot.head.size.checked_sub(carried);
    let first = first
        .ok_or_else(|| StoreError::Damaged("the snapshot holds more entries than there are".to_owned()))?;
    let size = segment.first + segment.entries.len() as u64;
    if size >= snapshot.head.size {
        return Ok(());
    }
    let Some(skip) = size.checked_sub(first) else {
        return Err(StoreError::Damaged(format!(
            "entries {size} to {first} are missing"
        )));
    };
    // Some of them may be archived already: compacting skips those.
    segment.entries.extend(
        snapshot
            .entries
            .iter()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
            .cloned(),
    );
    Ok(())
}

pub(super) fn read_snapshot(path: &Path) -> Result<Option<SnapshotFile>, StoreError> {
    let damaged = || StoreError::Damaged("the snapshot cannot be read".to_owned());
    let Some(bytes) = read_if_there(&path.join(SNAPSHOT))? else {
        return Ok(None);
    };
    // Written beside and renamed: it is whole, or it is damaged.
    match frame::next(&bytes) {
        Next::Frame { payload, rest: [] } => codec::read_snapshot(payload).map(Some).map_err(|_| damaged()),
        _ => Err(damaged()),
    }
}

fn open_archive(path: &Path) -> Result<(File, u64, Vec<Place>), StoreError> {
    let file = open_append(&path.join(ARCHIVE))?;
    let bytes = read_if_there(&path.join(ARCHIVE))?.unwrap_or_default();
    let mut places = Vec::new();
    let whole = each_frame(&bytes, ARCHIVE, |offset, payload| {
        codec::read_archived(payload)
            .map_err(|_| StoreError::Damaged("the archive cannot be read".to_owned()))?;
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        places.push(Place { offset, length });
        Ok(())
    })?;
    cut(&file, whole, bytes.len() as u64)?;
    Ok((file, whole, places))
}

fn open_segment(path: &Path, first: u64) -> Result<Segment, StoreError> {
    let name = format!("{SEGMENT}{first}");
    let file = open_append(&path.join(&name))?;
    let bytes = read_if_there(&path.join(&name))?.unwrap_or_default();
    let mut entries: Vec<Entry> = Vec::new();
    let whole = each_frame(&bytes, &name, |_, payload| {
        let (at, batch) =
            codec::read_batch(payload).map_err(|_| StoreError::Damaged(format!("{name} cannot be read")))?;
        if at != first + entries.len() as u64 {
            return Err(StoreError::Damaged(format!(
                "{name} has a batch for entry {at} in another place"
            )));
        }
        entries.extend(batch);
        Ok(())
    })?;
    cut(&file, whole, bytes.len() as u64)?;
    Ok(Segment {
        first,
        file,
        bytes: whole,
        entries,
    })
}

/// Calls `take` with place and payload of each whole frame; returns where the last one ends.
fn each_frame(
    bytes: &[u8],
    name: &str,
    mut take: impl FnMut(u64, &[u8]) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    let mut rest = bytes;
    loop {
        let at = (bytes.len() - rest.len()) as u64;
        match frame::next(rest) {
            Next::Frame {
                payload,
                rest: behind,
            } => {
                take(at + frame::HEADER_BYTES as u64, payload)?;
                rest = behind;
            }
            Next::End => return Ok(at),
            Next::Torn => {
                tracing::warn!(
                    file = name,
                    at,
                    bytes = rest.len(),
                    "cutting off a write that a crash left unfinished"
                );
                return Ok(at);
            }
            Next::Damaged => return Err(StoreError::Damaged(format!("{name} is broken at byte {at}"))),
        }
    }
}

fn cut(file: &File, whole: u64, found: u64) -> Result<(), StoreError> {
    if whole == found {
        return Ok(());
    }
    file.set_len(whole).map_err(writing)?;
    file.sync_all().map_err(writing)
}

/// First sequence numbers of the segments, in order.
fn segment_files(path: &Path) -> Result<Vec<u64>, StoreError> {
    let mut firsts = Vec::new();
    for file in std::fs::read_dir(path).map_err(reading)? {
        let name = file.map_err(reading)?.file_name();
        let Some(first) = name.to_str().and_then(|name| name.strip_prefix(SEGMENT)) else {
            continue;
        };
        firsts.push(
            first
                .parse()
                .map_err(|_| StoreError::Damaged(format!("{SEGMENT}{first} is no segment")))?,
        );
    }
    firsts.sort_unstable();
    Ok(firsts)
}
