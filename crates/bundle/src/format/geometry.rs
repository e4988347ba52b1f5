//! Where everything lies: offsets and counts, computed once from three numbers, all checked.

use std::ops::Range;

use super::{CHUNKS_MAX, LEAF_BYTES, TABLE_BYTES_MAX, TAG_BYTES, footer, header};
use crate::error::{BundleError, Section};

/// Sizes of a bundle. Sums cannot overflow: the constructor bounds every part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) chunk_bytes: u64,
    /// Content, padded, in bytes of plaintext.
    pub(crate) content_bytes: u64,
    /// File table, padded, in bytes of plaintext.
    pub(crate) table_bytes: u64,
}

impl Geometry {
    /// # Errors
    /// [`BundleError::TooLarge`] or [`BundleError::Malformed`]; nothing was allocated.
    pub(crate) fn new(chunk_bytes: u32, content_bytes: u64, table_bytes: u64) -> Result<Self, BundleError> {
        let geometry = Self {
            chunk_bytes: u64::from(chunk_bytes),
            content_bytes,
            table_bytes,
        };
        if table_bytes > TABLE_BYTES_MAX {
            let what = "bytes of file table";
            return Err(BundleError::TooLarge {
                what,
                found: table_bytes,
                limit: TABLE_BYTES_MAX,
            });
        }
        if table_bytes == 0 {
            return Err(BundleError::Malformed {
                what: "the file table is empty",
            });
        }
        let found = geometry
            .chunks(Section::Content)
            .saturating_add(geometry.chunks(Section::Table));
        if found > CHUNKS_MAX {
            return Err(BundleError::TooLarge {
                what: "chunks",
                found,
                limit: CHUNKS_MAX,
            });
        }
        Ok(geometry)
    }

    pub(crate) const fn plain_bytes(&self, section: Section) -> u64 {
        match section {
            Section::Content => self.content_bytes,
            Section::Table => self.table_bytes,
        }
    }

    pub(crate) const fn chunks(&self, section: Section) -> u64 {
        self.plain_bytes(section).div_ceil(self.chunk_bytes)
    }

    /// All chunks, and so all leaves of the tree.
    pub(crate) const fn chunks_total(&self) -> u64 {
        self.chunks(Section::Content) + self.chunks(Section::Table)
    }

    /// Index of a chunk's leaf in the tree: content first, then the table.
    pub(crate) const fn leaf(&self, section: Section, index: u64) -> u64 {
        match section {
            Section::Content => index,
            Section::Table => self.chunks(Section::Content) + index,
        }
    }

    /// The plaintext that a chunk holds, as a range of its section.
    pub(crate) fn plain(&self, section: Section, index: u64) -> Range<u64> {
        let start = index * self.chunk_bytes;
        start..(start + self.chunk_bytes).min(self.plain_bytes(section))
    }

    /// Where chunks `first..end` of a section are stored.
    pub(crate) fn stored(&self, section: Section, chunks: Range<u64>) -> Range<u64> {
        let tag = TAG_BYTES as u64;
        let base = match section {
            Section::Content => header::BYTES as u64,
            Section::Table => header::BYTES as u64 + self.content_bytes + self.chunks(Section::Content) * tag,
        };
        let at = |index: u64| base + (index * self.chunk_bytes).min(self.plain_bytes(section)) + index * tag;
        at(chunks.start)..at(chunks.end)
    }

    /// Where the leaves of the tree are stored.
    pub(crate) fn leaves(&self) -> Range<u64> {
        let start = self.stored(Section::Table, 0..self.chunks(Section::Table)).end;
        start..start + self.chunks_total() * LEAF_BYTES as u64
    }

    /// Bytes of the whole bundle.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.leaves().end + footer::BYTES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_one_another_without_a_gap() {
        let geometry = Geometry::new(4096, 10_000, 1024).unwrap();
        assert_eq!(geometry.chunks(Section::Content), 3);
        assert_eq!(geometry.stored(Section::Content, 0..3), 512..512 + 10_000 + 48);
        assert_eq!(geometry.stored(Section::Content, 2..3), 512 + 8192 + 32..10_560);
        assert_eq!(geometry.stored(Section::Table, 0..1), 10_560..11_600);
        assert_eq!(geometry.leaves(), 11_600..11_728);
        assert_eq!(geometry.total_bytes(), 11_760);
        assert_eq!(geometry.plain(Section::Content, 2), 8192..10_000);
    }

    #[test]
    fn refuses_what_would_overflow_or_allocate_too_much() {
        let code = |chunk, content, table| Geometry::new(chunk, content, table).unwrap_err().code();
        assert_eq!(code(4096, u64::MAX, 1024), "bundle.too_large");
        assert_eq!(code(4096, 0, u64::MAX), "bundle.too_large");
        assert_eq!(code(4096, 0, 0), "bundle.malformed");
        assert!(Geometry::new(4096, 0, 1).is_ok());
    }
}
