//! The layout, byte by byte: `docs/bundle-format.md` in code. Everything here is pure and bounds what it allocates.
//!
//! ```text
//! header │ content chunks │ file table chunks │ leaves of the hash tree │ footer
//! ```

pub mod digest;
pub(crate) mod footer;
pub(crate) mod geometry;
pub(crate) mod header;
pub(crate) mod name;
pub(crate) mod padding;
pub(crate) mod table;
pub(crate) mod tree;

/// First bytes of every bundle. Text transfers, case changes and 7-bit channels damage it, so that they show at once.
pub const MAGIC: [u8; 8] = *b"\x89SRB\r\n\x1a\n";
/// Last bytes of every bundle.
pub(crate) const END_MAGIC: [u8; 8] = *b"\x89SRE\r\n\x1a\n";
/// The layout that is written and read.
pub const VERSION: u32 = 1;
/// AES-256-GCM, HKDF-SHA256, SHA-256: the only suite of layout 1.
pub(crate) const SUITE: u32 = 1;

/// Bytes that encryption adds to each chunk.
pub(crate) const TAG_BYTES: usize = strongroom_crypto::aead::TAG_BYTES;
/// Bytes of one leaf of the tree.
pub(crate) const LEAF_BYTES: usize = 32;

/// Smallest chunk, in bytes of plaintext.
pub const CHUNK_BYTES_MIN: u32 = 4 * 1024;
/// Largest chunk, in bytes of plaintext: one chunk is the least that can be verified, and so held in memory.
pub const CHUNK_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// Chunk size that is written unless asked otherwise: a chunk stays in a core's cache from hash to decryption.
pub const CHUNK_BYTES_DEFAULT: u32 = 256 * 1024;

/// Most chunks in a bundle: 128 MiB of tree, 1 TiB of content in chunks of 256 KiB, 64 TiB in the largest.
pub const CHUNKS_MAX: u64 = 4 * 1024 * 1024;
/// Longest file table, padded.
pub const TABLE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most files in a bundle.
pub const FILES_MAX: u64 = 256 * 1024;
/// Longest file name, in bytes.
pub const NAME_BYTES_MAX: usize = 1024;
/// Longest part of a file name between two slashes, in bytes.
pub const NAME_PART_BYTES_MAX: usize = 255;
