//! What a fuzzer drives: bytes of unknown origin through everything that reads them. Total: it returns, whatever comes.

use bytes::Bytes;
use futures::executor::block_on;
use strongroom_crypto::secret::ModelKey;

use crate::error::BundleError;
use crate::format::geometry::Geometry;
use crate::format::header::Header;
use crate::format::{CHUNK_BYTES_MIN, name, table};
use crate::inspect::inspect;
use crate::reader::Reader;

/// The key under which the corpus is encrypted.
pub const KEY: [u8; 32] = *b"strongroom fuzzing, no secret...";

/// Takes `data` for a bundle, and for each of its parts.
///
/// The digest is the one that `data` computes to, so that the fuzzer passes it and reaches what lies behind.
pub fn open_bundle(data: &[u8]) {
    let _ = Header::parse(data);
    let _ = Geometry::new(CHUNK_BYTES_MIN, number(data, 0), number(data, 8));
    let _ = table::parse(data, number(data, data.len().saturating_sub(8)));
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = name::check(text);
    }
    let _ = read_all(Bytes::copy_from_slice(data));
}

/// Opens what `data` claims to be and reads every file; returns how many bytes they have.
///
/// # Errors
/// As [`Reader::open`] and [`Reader::read_into`].
pub fn read_all(data: Bytes) -> Result<usize, BundleError> {
    // Nothing here waits: the bundle is in memory.
    let digest = block_on(inspect(&data))?.digest;
    let key = ModelKey::init_with(|key| *key = KEY);
    let reader = block_on(Reader::open(data, &digest, &key))?.with_threads(std::num::NonZeroUsize::MIN);
    let mut bytes = 0;
    for file in reader.files() {
        // What was opened lies in memory, so no file is larger than it.
        let mut out = vec![0; usize::try_from(file.length()).unwrap_or(0)];
        reader.read_into(file.name(), 0, &mut out)?;
        bytes += out.len();
    }
    Ok(bytes)
}

fn number(data: &[u8], at: usize) -> u64 {
    data.get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
