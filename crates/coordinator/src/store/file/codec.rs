//! Payloads of the frames: entries, batches, snapshots. Bytes from disk are bounded and never trusted.

use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::encode::{Decoder, Encoder, Malformed};

use crate::store::Entry;

/// Most entries in one batch or snapshot: far above the writer's group.
const ENTRIES_MAX: u64 = 65_536;

const SNAPSHOT_VERSION: u64 = 1;

/// A batch: where it begins, and its entries.
pub(super) fn batch(first: u64, entries: &[Entry]) -> Vec<u8> {
    let encoder = Encoder::unlabelled().u64(first);
    put_entries(encoder, entries, true).finish()
}

/// Reads a batch.
pub(super) fn read_batch(payload: &[u8]) -> Result<(u64, Vec<Entry>), Malformed> {
    let mut decoder = Decoder::new(payload);
    let first = decoder.u64()?;
    let entries = entries(&mut decoder)?;
    decoder.finish()?;
    Ok((first, entries))
}

/// An entry in the archive: without its sealed part.
pub(super) fn archived(entry: &Entry) -> Vec<u8> {
    Encoder::unlabelled()
        .bytes(&entry.record)
        .bytes(entry.sealed_digest.as_bytes())
        .finish()
}

/// Reads an entry of the archive.
pub(super) fn read_archived(payload: &[u8]) -> Result<Entry, Malformed> {
    let mut decoder = Decoder::new(payload);
    let record = decoder.bytes()?.to_vec();
    let sealed_digest = Digest32(decoder.array()?);
    decoder.finish()?;
    Ok(Entry {
        record,
        sealed_digest,
        sealed: Vec::new(),
    })
}

/// A snapshot with the entries that it commits together with itself.
pub(super) fn snapshot(head: &LogHead, entries: &[Entry], bytes: &[u8]) -> Vec<u8> {
    let encoder = Encoder::unlabelled().u64(SNAPSHOT_VERSION);
    let encoder = encoder.u64(head.epoch).u64(head.size).bytes(head.hash.as_bytes());
    put_entries(encoder, entries, false).bytes(bytes).finish()
}

/// What a snapshot file holds.
pub(super) struct SnapshotFile {
    pub(super) head: LogHead,
    pub(super) entries: Vec<Entry>,
    pub(super) bytes: Vec<u8>,
}

/// Reads a snapshot.
pub(super) fn read_snapshot(payload: &[u8]) -> Result<SnapshotFile, Malformed> {
    let mut decoder = Decoder::new(payload);
    if decoder.u64()? != SNAPSHOT_VERSION {
        return Err(Malformed);
    }
    let head = LogHead {
        epoch: decoder.u64()?,
        size: decoder.u64()?,
        hash: Digest32(decoder.array()?),
    };
    let entries = entries(&mut decoder)?;
    let bytes = decoder.bytes()?.to_vec();
    decoder.finish()?;
    Ok(SnapshotFile { head, entries, bytes })
}

fn put_entries(encoder: Encoder, entries: &[Entry], with_sealed: bool) -> Encoder {
    entries
        .iter()
        .fold(encoder.u64(entries.len() as u64), |encoder, entry| {
            let sealed: &[u8] = if with_sealed { &entry.sealed } else { &[] };
            encoder
                .bytes(&entry.record)
                .bytes(entry.sealed_digest.as_bytes())
                .bytes(sealed)
        })
}

fn entries(decoder: &mut Decoder<'_>) -> Result<Vec<Entry>, Malformed> {
    let count = decoder.u64()?;
    if count > ENTRIES_MAX {
        return Err(Malformed);
    }
    (0..count)
        .map(|_| {
            Ok(Entry {
                record: decoder.bytes()?.to_vec(),
                sealed_digest: Digest32(decoder.array()?),
                sealed: decoder.bytes()?.to_vec(),
            })
        })
        .collect()
}
