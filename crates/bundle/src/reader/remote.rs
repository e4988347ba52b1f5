//! Reads bundles behind a network: runs of chunks in several requests at once, opened where they hold up nobody.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use futures::{StreamExt, TryStreamExt, stream};

use super::blocking;
use super::core::{Core, Visit, chunk_of, position, within};
use crate::access::RandomAccess;
use crate::error::{BundleError, Section};
use crate::layout::Tail;
use crate::threads::lock;

/// Bytes of one request: enough that its latency hardly counts.
const REQUEST_BYTES: u64 = 4 * 1024 * 1024;
/// Requests under way at once. With their plaintext they take twice as many times [`REQUEST_BYTES`] of memory.
const REQUESTS_MAX: usize = 8;

/// Bytes `range` of the content, into `bytes`, which has that length.
pub(super) async fn read(
    core: &Arc<Core>,
    store: &Arc<dyn RandomAccess>,
    tail: &Tail,
    range: Range<u64>,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, BundleError> {
    let out = Arc::new(Mutex::new(bytes));
    let base = range.start;
    let filled = out.clone();
    let fill: Visit = Arc::new(move |offset, plain: &[u8]| {
        let place = within(offset..offset + plain.len() as u64, base);
        lock(&filled)[place].copy_from_slice(plain);
        Ok(())
    });
    for_each(core, store, tail, range, fill).await?;
    let bytes = std::mem::take(&mut *lock(&out));
    Ok(bytes)
}

/// Calls `visit` with every part of `range` that lies in one chunk, and its offset in the content.
pub(super) async fn for_each(
    core: &Arc<Core>,
    store: &Arc<dyn RandomAccess>,
    tail: &Tail,
    range: Range<u64>,
    visit: Visit,
) -> Result<(), BundleError> {
    let chunks = core.chunks_of(&range);
    let stride = (REQUEST_BYTES / core.geometry.chunk_bytes).max(1);
    let runs = chunks
        .clone()
        .step_by(position(stride))
        .map(|first| first..(first + stride).min(chunks.end));
    stream::iter(runs)
        .map(|run| {
            let (core, visit, range) = (core.clone(), visit.clone(), range.clone());
            async move {
                let place = core.geometry.stored(Section::Content, run.clone());
                let stored = tail.get(store.as_ref(), place).await?;
                blocking(move || open_run(&core, run, &stored, &range, &visit)).await
            }
        })
        .buffer_unordered(REQUESTS_MAX)
        .try_collect()
        .await
}

fn open_run(
    core: &Core,
    run: Range<u64>,
    stored: &[u8],
    range: &Range<u64>,
    visit: &Visit,
) -> Result<(), BundleError> {
    let mut plain = Vec::new();
    for index in run.clone() {
        let chunk = core.geometry.plain(Section::Content, index);
        plain.resize(position(chunk.end - chunk.start), 0);
        core.open_chunk(
            index,
            chunk_of(&core.geometry, Section::Content, index, run.start, stored),
            &mut plain,
        )?;
        let wanted = chunk.start.max(range.start)..chunk.end.min(range.end);
        visit(wanted.start, &plain[within(wanted.clone(), chunk.start)])?;
    }
    strongroom_crypto::secret::wipe(&mut plain);
    Ok(())
}
