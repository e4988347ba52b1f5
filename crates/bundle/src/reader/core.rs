//! What opening establishes: sizes, leaves and keys. Opens chunks, one by one, as they come from anywhere.

use std::ops::Range;
use std::sync::Arc;

use strongroom_crypto::digest::Digest32;
use strongroom_crypto::secret::ModelKey;

use crate::access::RandomAccess;
use crate::error::{BundleError, Section};
use crate::format::geometry::Geometry;
use crate::format::table::{self, FileEntry};
use crate::keys::{self, SectionCipher};
use crate::layout::Layout;

/// Takes verified plaintext and its offset in the content.
pub(super) type Visitor = dyn Fn(u64, &[u8]) -> Result<(), BundleError> + Send + Sync;
/// A visitor that several tasks share.
pub(super) type Visit = Arc<Visitor>;

/// Opens chunks of one bundle. Its leaves were held against the digest that was asked for.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) geometry: Geometry,
    leaves: Vec<Digest32>,
    content: SectionCipher,
}

impl Core {
    /// Takes a layout whose digest was checked; unwraps the data key and reads the file table.
    pub(super) async fn open(
        store: &dyn RandomAccess,
        layout: Layout,
        key: &ModelKey,
    ) -> Result<(Self, Vec<FileEntry>), BundleError> {
        let Layout {
            header,
            geometry,
            leaves,
            tail,
            ..
        } = layout;
        let data_key = keys::unwrap(&header, key)?;
        let cipher = |section| SectionCipher::new(&data_key, &header.parameters.salt, section);

        let chunks = geometry.chunks(Section::Table);
        let stored = tail
            .get(store, geometry.stored(Section::Table, 0..chunks))
            .await?;
        let table_cipher = cipher(Section::Table);
        let mut plain = super::buffer(geometry.table_bytes)?;
        for index in 0..chunks {
            let leaf = &leaves[position(geometry.leaf(Section::Table, index))];
            let place = within(geometry.plain(Section::Table, index), 0);
            let chunk = chunk_of(&geometry, Section::Table, index, 0, &stored);
            table_cipher.open(index, leaf, chunk, &mut plain[place])?;
        }
        let files = table::parse(&plain, geometry.content_bytes)?;
        Ok((
            Self {
                geometry,
                leaves,
                content: cipher(Section::Content),
            },
            files,
        ))
    }

    /// Opens one stored chunk of content into `plain`, which has exactly its length.
    pub(super) fn open_chunk(&self, index: u64, stored: &[u8], plain: &mut [u8]) -> Result<(), BundleError> {
        self.content
            .open(index, &self.leaves[position(index)], stored, plain)
    }

    /// The chunks of content that hold `range`.
    pub(super) fn chunks_of(&self, range: &Range<u64>) -> Range<u64> {
        if range.is_empty() {
            return 0..0;
        }
        range.start / self.geometry.chunk_bytes..range.end.div_ceil(self.geometry.chunk_bytes)
    }
}

/// One stored chunk out of a run of them that begins with chunk `first`.
pub(super) fn chunk_of<'a>(
    geometry: &Geometry,
    section: Section,
    index: u64,
    first: u64,
    stored: &'a [u8],
) -> &'a [u8] {
    let base = geometry.stored(section, first..first).start;
    &stored[within(geometry.stored(section, index..index + 1), base)]
}

/// `range` counted from `base`, as indices. What it counts is in memory, so it fits.
pub(super) fn within(range: Range<u64>, base: u64) -> Range<usize> {
    position(range.start - base)..position(range.end - base)
}

/// An index into memory.
pub(super) fn position(at: u64) -> usize {
    usize::try_from(at).expect("what is in memory has indices that fit")
}
