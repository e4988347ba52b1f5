//! Reads bundles that lie on this machine: threads take chunk after chunk, each from storage to cache to its place.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::core::{Core, Visitor, position, within};
use crate::access::DirectAccess;
use crate::error::{BundleError, Section};
use crate::format::TAG_BYTES;
use crate::threads::{lock, run};

/// Bytes `range` of the content into `out`, which has that length and holds zeros after a failure.
pub(super) fn read_into(
    core: &Core,
    source: &dyn DirectAccess,
    range: Range<u64>,
    out: &mut [u8],
    threads: NonZeroUsize,
) -> Result<(), BundleError> {
    let chunks = core.chunks_of(&range);
    let pieces = Mutex::new(Pieces {
        core,
        at: range.start,
        rest: &mut *out,
    });
    let failed = AtomicBool::new(false);
    let result = run(useful(threads, chunks.end - chunks.start), || {
        let mut worker = Worker::new(core, source);
        while !failed.load(Ordering::Relaxed) {
            // The lock is held for the time of taking a piece only.
            let Some(piece) = lock(&pieces).next() else { break };
            if let Err(error) = worker.fill(piece) {
                failed.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    });
    if result.is_err() {
        out.fill(0);
    }
    result
}

/// Calls `visit` with every chunk of content and its offset.
pub(super) fn for_each(
    core: &Core,
    source: &dyn DirectAccess,
    threads: NonZeroUsize,
    visit: &Visitor,
) -> Result<(), BundleError> {
    let chunks = core.geometry.chunks(Section::Content);
    let next = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    run(useful(threads, chunks), || {
        let mut worker = Worker::new(core, source);
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= chunks {
                break;
            }
            let offset = core.geometry.plain(Section::Content, index).start;
            if let Err(error) = worker.plain(index).and_then(|plain| visit(offset, plain)) {
                failed.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    })
}

fn useful(threads: NonZeroUsize, chunks: u64) -> usize {
    usize::try_from(chunks)
        .unwrap_or(usize::MAX)
        .clamp(1, threads.get())
}

/// A part of what is wanted that lies in one chunk.
struct Piece<'a> {
    index: u64,
    /// Where in the chunk it begins.
    skip: usize,
    out: &'a mut [u8],
}

/// Cuts what is wanted at the bounds of chunks.
struct Pieces<'a> {
    core: &'a Core,
    at: u64,
    rest: &'a mut [u8],
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let geometry = &self.core.geometry;
        let index = self.at / geometry.chunk_bytes;
        let chunk = geometry.plain(Section::Content, index);
        let bytes = position((chunk.end - self.at).min(self.rest.len() as u64));
        let (out, rest) = std::mem::take(&mut self.rest).split_at_mut(bytes);
        let skip = position(self.at - chunk.start);
        self.rest = rest;
        self.at = chunk.end;
        Some(Piece { index, skip, out })
    }
}

/// One thread's buffers.
struct Worker<'a> {
    core: &'a Core,
    source: &'a dyn DirectAccess,
    stored: Vec<u8>,
    plain: Vec<u8>,
}

impl<'a> Worker<'a> {
    fn new(core: &'a Core, source: &'a dyn DirectAccess) -> Self {
        Self {
            core,
            source,
            stored: vec![0; position(core.geometry.chunk_bytes) + TAG_BYTES],
            plain: Vec::new(),
        }
    }

    fn fill(&mut self, piece: Piece<'_>) -> Result<(), BundleError> {
        let chunk = self.core.geometry.plain(Section::Content, piece.index);
        if piece.out.len() as u64 == chunk.end - chunk.start {
            return self.open(piece.index, piece.out);
        }
        let plain = self.plain(piece.index)?;
        piece
            .out
            .copy_from_slice(&plain[piece.skip..piece.skip + piece.out.len()]);
        Ok(())
    }

    fn plain(&mut self, index: u64) -> Result<&[u8], BundleError> {
        let chunk = self.core.geometry.plain(Section::Content, index);
        let mut plain = std::mem::take(&mut self.plain);
        plain.resize(within(chunk.clone(), chunk.start).end, 0);
        let opened = self.open(index, &mut plain);
        self.plain = plain;
        opened.map(|()| &*self.plain)
    }

    fn open(&mut self, index: u64, plain: &mut [u8]) -> Result<(), BundleError> {
        let place = self.core.geometry.stored(Section::Content, index..index + 1);
        let bytes = position(place.end - place.start);
        let stored = self.source.read_at(place.start, bytes, &mut self.stored)?;
        self.core.open_chunk(index, stored, plain)
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        strongroom_crypto::secret::wipe(&mut self.plain);
    }
}
