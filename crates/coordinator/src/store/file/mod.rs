//! The state in a folder.
//!
//! ```text
//! lock               held while a process has the folder open
//! keys               the key file, replaced as a whole
//! snapshot           the sealed state at some head, with the entries that were committed together with it
//! archive            entries that a snapshot covers, without their sealed parts: one frame each
//! segment-<first>    entries since the snapshot, with their sealed parts: one frame for each batch
//! ```
//!
//! One fsync commits a batch. Where a batch carries a snapshot, renaming the snapshot's file is the commit, and the
//! archive is brought up to it afterwards (or when the folder is opened next).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use strongroom_crypto::chain::LogHead;

use super::{Batch, Entry, Loaded, Store, StoreError};
use folder::Folder;

mod codec;
mod folder;
mod frame;
mod medium;
mod recover;
#[cfg(test)]
mod torn;

/// A folder that only this process has open.
#[derive(Clone)]
pub struct FileStore {
    folder: Arc<Mutex<Folder>>,
}

impl FileStore {
    /// Opens `path`, which is made (0700) where it is missing, and mends what a crash has left.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Ok(Self {
            folder: Arc::new(Mutex::new(Folder::open(path.into())?)),
        })
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Folder) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let folder = self.folder.clone();
        let task = tokio::task::spawn_blocking(move || {
            work(&mut folder.lock().unwrap_or_else(PoisonError::into_inner))
        });
        task.await.map_err(|error| StoreError::Io {
            what: "written",
            source: std::io::Error::other(error),
        })?
    }
}

impl std::fmt::Debug for FileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for FileStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        self.with(|folder| folder.load()).await
    }

    async fn append(&self, expected: &LogHead, batch: Batch) -> Result<LogHead, StoreError> {
        let expected = *expected;
        self.with(move |folder| folder.append(&expected, &batch)).await
    }

    async fn read(&self, from: u64, max: usize) -> Result<Vec<Entry>, StoreError> {
        self.with(move |folder| folder.read(from, max)).await
    }

    async fn snapshot(&self, head: &LogHead, bytes: Vec<u8>) -> Result<(), StoreError> {
        let head = *head;
        self.with(move |folder| folder.snapshot(&head, &bytes)).await
    }

    async fn put_keys(&self, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.with(move |folder| folder.put_keys(&bytes)).await
    }
}
