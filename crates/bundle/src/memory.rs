//! A whole bundle decrypted into memory: what an engine that takes byte slices loads from. Nothing touches a disk.

use bytes::Bytes;

use crate::error::BundleError;
use crate::format::table::FileEntry;
use crate::reader::Reader;

/// All files of a bundle, in one stretch of memory.
#[derive(Clone)]
pub struct InMemory {
    files: Vec<FileEntry>,
    content: Bytes,
}

impl InMemory {
    pub(crate) fn new(files: Vec<FileEntry>, content: Bytes) -> Self {
        Self { files, content }
    }

    /// Name and bytes of each file, in ascending order of names. Slices of one allocation: cloning copies nothing.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (&str, Bytes)> {
        self.files.iter().map(|file| (file.name(), self.slice(file)))
    }

    /// The bytes of one file.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<Bytes> {
        let at = self.files.binary_search_by(|file| file.name().cmp(name)).ok()?;
        Some(self.slice(&self.files[at]))
    }

    fn slice(&self, file: &FileEntry) -> Bytes {
        let start = usize::try_from(file.offset).expect("the content is in memory");
        let length = usize::try_from(file.length).expect("the content is in memory");
        self.content.slice(start..start + length)
    }
}

impl std::fmt::Debug for InMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InMemory")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Decrypts and verifies all files into memory.
    ///
    /// # Errors
    /// As [`Reader::read_range`]; [`BundleError::TooLarge`] where the memory does not suffice.
    pub async fn read_all_into_memory(&self) -> Result<InMemory, BundleError> {
        let content = self.read_content(0..self.content_bytes()).await?;
        Ok(InMemory::new(self.files().to_vec(), content))
    }
}
