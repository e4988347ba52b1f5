//! What anybody can see of a bundle, without a key and without trust.

use serde::Serialize;
use strongroom_crypto::secret::KeyId;

use crate::access::RandomAccess;
use crate::error::{BundleError, Section};
use crate::format::VERSION;
use crate::format::digest::BundleDigest;
use crate::layout;

/// What a bundle says about itself. The digest is computed from its tree: its chunks were not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// Version of the layout.
    pub version: u32,
    /// Cryptography, in words.
    pub suite: &'static str,
    /// The digest, as computed from header, sizes and tree.
    pub digest: BundleDigest,
    /// Names of the keys that open it; more than one only after an interrupted change of keys.
    pub key_ids: Vec<KeyId>,
    /// Bytes of the whole bundle.
    pub stored_bytes: u64,
    /// Bytes of all files together, padded: at most 12 % more than they have.
    pub content_bytes_padded: u64,
    /// Bytes of plaintext in a chunk.
    pub chunk_bytes: u64,
    /// Chunks of content.
    pub content_chunks: u64,
    /// Chunks of the encrypted file table.
    pub table_chunks: u64,
}

/// Reads header, sizes and tree, and computes the digest.
///
/// # Errors
/// Every way in which the bytes are no bundle, and [`BundleError::Store`].
pub async fn inspect(store: &dyn RandomAccess) -> Result<Inspection, BundleError> {
    let layout = layout::read(store).await?;
    let geometry = &layout.geometry;
    Ok(Inspection {
        version: VERSION,
        suite: "AES-256-GCM, HKDF-SHA256, SHA-256",
        digest: layout.digest,
        key_ids: layout.header.key_ids(),
        stored_bytes: geometry.total_bytes(),
        content_bytes_padded: geometry.content_bytes,
        chunk_bytes: geometry.chunk_bytes,
        content_chunks: geometry.chunks(Section::Content),
        table_chunks: geometry.chunks(Section::Table),
    })
}
