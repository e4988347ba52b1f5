//! One open folder: appending, reading, compacting.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use strongroom_crypto::chain::LogHead;

use super::medium::{open_append, read_if_there, reading, replace, sync_folder, writing};
use super::{codec, frame, medium, recover};
use crate::store::{Batch, Entry, Loaded, READ_ENTRIES_MAX, StoreError};

pub(super) const LOCK: &str = "lock";
pub(super) const KEYS: &str = "keys";
pub(super) const SNAPSHOT: &str = "snapshot";
pub(super) const ARCHIVE: &str = "archive";
pub(super) const SEGMENT: &str = "segment-";

/// Where an entry of the archive lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) length: u32,
}

/// A folder, its files, and what of them is kept in memory.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// Closing it releases the lock.
    pub(super) _lock: File,
    pub(super) archive: File,
    pub(super) archive_bytes: u64,
    /// Place of each archived entry, by sequence number.
    pub(super) places: Vec<Place>,
    pub(super) segment: Segment,
    /// A write failed half way: what is on the medium is unknown until the folder is opened again.
    pub(super) broken: bool,
}

/// The segment that is written to, and its entries.
pub(super) struct Segment {
    pub(super) first: u64,
    pub(super) file: File,
    pub(super) bytes: u64,
    pub(super) entries: Vec<Entry>,
}

impl Folder {
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        medium::make_folder(&path)?;
        let lock = open_append(&path.join(LOCK))?;
        lock.try_lock()
            .map_err(|_| StoreError::Locked(path.display().to_string()))?;
        recover::recover(path, lock)
    }

    pub(super) fn size(&self) -> u64 {
        self.segment.first + self.segment.entries.len() as u64
    }

    pub(super) fn load(&self) -> Result<Loaded, StoreError> {
        let snapshot = recover::read_snapshot(&self.path)?.map(|snapshot| (snapshot.head, snapshot.bytes));
        Ok(Loaded {
            size: self.size(),
            snapshot,
            keys: read_if_there(&self.path.join(KEYS))?,
        })
    }

    pub(super) fn append(&mut self, expected: &LogHead, batch: &Batch) -> Result<LogHead, StoreError> {
        self.check_usable()?;
        let (expected, found) = (expected.size, self.size());
        if expected != found || self.segment_grew()? {
            return Err(StoreError::Conflict { expected, found });
        }
        debug_assert_eq!(
            batch.head.size,
            expected + batch.entries.len() as u64,
            "a batch says where it ends"
        );
        match &batch.snapshot {
            None => self.append_frame(&batch.entries)?,
            Some(snapshot) => {
                self.commit_snapshot(&batch.head, &batch.entries, snapshot)?;
            }
        }
        Ok(batch.head)
    }

    pub(super) fn read(&self, from: u64, max: usize) -> Result<Vec<Entry>, StoreError> {
        let end = self
            .size()
            .min(from.saturating_add(max.min(READ_ENTRIES_MAX) as u64));
        (from..end).map(|sequence| self.entry(sequence)).collect()
    }

    pub(super) fn snapshot(&mut self, head: &LogHead, bytes: &[u8]) -> Result<(), StoreError> {
        self.check_usable()?;
        if head.size != self.size() {
            return Err(StoreError::Conflict {
                expected: head.size,
                found: self.size(),
            });
        }
        self.commit_snapshot(head, &[], bytes)
    }

    pub(super) fn put_keys(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.check_usable()?;
        replace(&self.path, KEYS, bytes)
    }

    fn check_usable(&self) -> Result<(), StoreError> {
        if self.broken {
            let source =
                std::io::Error::other("an earlier write failed: restart to find out what reached the medium");
            return Err(StoreError::Io {
                what: "written",
                source,
            });
        }
        Ok(())
    }

    /// Whether another process, against the lock, has written to our segment.
    fn segment_grew(&self) -> Result<bool, StoreError> {
        Ok(self.segment.file.metadata().map_err(reading)?.len() != self.segment.bytes)
    }

    fn append_frame(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        frame::write(&mut bytes, &codec::batch(self.size(), entries));
        // After a failed write or sync nobody knows what is on the medium, so nothing more is written to it.
        self.broken = true;
        self.segment.file.write_all(&bytes).map_err(writing)?;
        self.segment.file.sync_data().map_err(writing)?;
        self.broken = false;
        self.segment.bytes += bytes.len() as u64;
        self.segment.entries.extend_from_slice(entries);
        Ok(())
    }

    fn commit_snapshot(&mut self, head: &LogHead, entries: &[Entry], bytes: &[u8]) -> Result<(), StoreError> {
        let mut framed = Vec::new();
        frame::write(&mut framed, &codec::snapshot(head, entries, bytes));
        self.broken = true;
        replace(&self.path, SNAPSHOT, &framed)?; // the commit
        self.segment.entries.extend_from_slice(entries);
        self.compact()?;
        self.broken = false;
        Ok(())
    }

    /// Moves every entry of the segment, without its sealed part, to the archive, and begins a new segment.
    pub(super) fn compact(&mut self) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        let archived = self.places.len() as u64;
        let skip = usize::try_from(archived.saturating_sub(self.segment.first)).unwrap_or(usize::MAX);
        for entry in self.segment.entries.iter().skip(skip) {
            let payload = codec::archived(entry);
            let length = u32::try_from(payload.len()).expect("entries are bounded far below 4 GiB");
            let offset = self.archive_bytes + (bytes.len() + frame::HEADER_BYTES) as u64;
            self.places.push(Place { offset, length });
            frame::write(&mut bytes, &payload);
        }
        self.archive.write_all(&bytes).map_err(writing)?;
        self.archive.sync_data().map_err(writing)?;
        self.archive_bytes += bytes.len() as u64;
        let (old, first) = (self.segment.first, self.size());
        let file = open_append(&self.path.join(format!("{SEGMENT}{first}")))?;
        let length = file.metadata().map_err(reading)?.len();
        self.segment = Segment {
            first,
            file,
            bytes: length,
            entries: Vec::new(),
        };
        if old != first {
            std::fs::remove_file(self.path.join(format!("{SEGMENT}{old}"))).map_err(writing)?;
        }
        sync_folder(&self.path)
    }

    fn entry(&self, sequence: u64) -> Result<Entry, StoreError> {
        if let Some(index) = sequence.checked_sub(self.segment.first) {
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            return self
                .segment
                .entries
                .get(index)
                .cloned()
                .ok_or_else(|| gap(sequence));
        }
        let index = usize::try_from(sequence).unwrap_or(usize::MAX);
        let place = *self.places.get(index).ok_or_else(|| gap(sequence))?;
        let mut payload = vec![0; place.length as usize];
        self.archive
            .read_exact_at(&mut payload, place.offset)
            .map_err(reading)?;
        codec::read_archived(&payload)
            .map_err(|_| StoreError::Damaged(format!("entry {sequence} cannot be read")))
    }
}

fn gap(sequence: u64) -> StoreError {
    StoreError::Damaged(format!("entry {sequence} is missing"))
}
