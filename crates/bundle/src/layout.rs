//! Fetches what a bundle says about itself, without a key: header, sizes, tree, and the digest that follows from them.

use std::ops::Range;

use bytes::Bytes;
use strongroom_crypto::digest::Digest32;

use crate::access::RandomAccess;
use crate::error::BundleError;
use crate::format::digest::{BundleDigest, bundle_digest};
use crate::format::geometry::Geometry;
use crate::format::header::Header;
use crate::format::{LEAF_BYTES, MAGIC, footer, header, tree};
use crate::store::StoreError;

/// Bytes of the first request: the footer, the whole tree and table of most bundles, and small bundles whole.
const TAIL_BYTES: u64 = 256 * 1024;

/// What a bundle says about itself. Consistent, but nobody vouches for it until the digest is held against one.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) header: Header,
    pub(crate) geometry: Geometry,
    pub(crate) leaves: Vec<Digest32>,
    pub(crate) digest: BundleDigest,
    pub(crate) tail: Tail,
}

/// # Errors
/// Every way in which the bytes are no bundle of this layout, and [`BundleError::Store`].
pub(crate) async fn read(store: &dyn RandomAccess) -> Result<Layout, BundleError> {
    let (bytes, size) = store.tail(TAIL_BYTES).await?;
    let start = size
        .checked_sub(bytes.len() as u64)
        .ok_or_else(|| ended_early(size, bytes.len()))?;
    let tail = Tail { start, bytes };

    let head = tail.get(store, 0..size.min(header::BYTES as u64)).await?;
    let header = match Header::parse(&head) {
        // A bundle cut within its first bytes is still seen to be one.
        Err(BundleError::NotABundle) if !head.is_empty() && MAGIC.starts_with(&head) => {
            return Err(BundleError::Truncated);
        }
        parsed => parsed?,
    };
    let smallest = (header::BYTES + footer::BYTES) as u64;
    if size < smallest {
        return Err(BundleError::Truncated);
    }
    let end = tail.get(store, size - footer::BYTES as u64..size).await?;
    let end = end.first_chunk().ok_or(BundleError::Truncated)?;
    let geometry = footer::parse(end, header.parameters.chunk_bytes)?;
    if geometry.total_bytes() != size {
        return Err(BundleError::Length {
            expected: geometry.total_bytes(),
            found: size,
        });
    }
    // The size agrees with the counts: what is allocated here lies in the object.
    let leaves: Vec<Digest32> = tail
        .get(store, geometry.leaves())
        .await?
        .chunks_exact(LEAF_BYTES)
        .map(|leaf| Digest32(leaf.try_into().expect("chunks of that size")))
        .collect();
    let digest = bundle_digest(&header.parameters, &geometry, &tree::root(&leaves));
    Ok(Layout {
        header,
        geometry,
        leaves,
        digest,
        tail,
    })
}

/// The last bytes of a bundle, kept so that they are fetched once.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    start: u64,
    bytes: Bytes,
}

impl Tail {
    /// Exactly the bytes of `range`, from here or from the store.
    ///
    /// # Errors
    /// As the store answers; [`StoreError::EndedEarly`] where it gives another number of bytes than asked for.
    pub(crate) async fn get(
        &self,
        store: &dyn RandomAccess,
        range: Range<u64>,
    ) -> Result<Bytes, BundleError> {
        let wanted = range.end - range.start;
        let bytes = match self.held(&range) {
            Some(bytes) => bytes,
            None => store.read(range).await?,
        };
        if bytes.len() as u64 != wanted {
            return Err(ended_early(wanted, bytes.len()));
        }
        Ok(bytes)
    }

    fn held(&self, range: &Range<u64>) -> Option<Bytes> {
        let start = usize::try_from(range.start.checked_sub(self.start)?).ok()?;
        let end = usize::try_from(range.end.checked_sub(self.start)?).ok()?;
        (start <= end && end <= self.bytes.len()).then(|| self.bytes.slice(start..end))
    }
}

fn ended_early(expected: u64, found: usize) -> BundleError {
    let place = "the bundle".to_owned();
    BundleError::Store(StoreError::EndedEarly {
        place,
        expected,
        found: found as u64,
    })
}
