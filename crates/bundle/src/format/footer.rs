//! The last 32 bytes: the sizes from which everything else is found. Their truth is shown by the digest.

use super::END_MAGIC;
use super::geometry::Geometry;
use crate::error::BundleError;

/// Bytes of the footer.
pub(crate) const BYTES: usize = 32;

pub(crate) fn encode(geometry: &Geometry) -> [u8; BYTES] {
    let mut out = [0; BYTES];
    out[0..8].copy_from_slice(&geometry.content_bytes.to_be_bytes());
    out[8..16].copy_from_slice(&geometry.table_bytes.to_be_bytes());
    out[16..24].copy_from_slice(&geometry.chunks_total().to_be_bytes());
    out[24..32].copy_from_slice(&END_MAGIC);
    out
}

/// # Errors
/// [`BundleError::Truncated`] where this is no footer; else as [`Geometry::new`].
pub(crate) fn parse(bytes: &[u8; BYTES], chunk_bytes: u32) -> Result<Geometry, BundleError> {
    if bytes[24..32] != END_MAGIC {
        return Err(BundleError::Truncated);
    }
    let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let geometry = Geometry::new(chunk_bytes, number(0), number(8))?;
    if geometry.chunks_total() != number(16) {
        return Err(BundleError::Malformed {
            what: "the number of chunks does not follow from the sizes",
        });
    }
    Ok(geometry)
}
