//! Opens a bundle by its digest and hands out verified plaintext: any range of any file, reading little more.
//!
//! The digest comes from the manifest, the key from its owner; the store gives neither. Header, sizes and tree are
//! held against the digest first, then each chunk against the tree, before one byte of it is decrypted.

mod core;
mod direct;
mod extract;
mod remote;

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_crypto::secret::ModelKey;

use self::core::{Core, Visit};
use crate::access::{DirectAccess, RandomAccess};
use crate::error::BundleError;
use crate::format::digest::BundleDigest;
use crate::format::name::REFERENCE_NAME;
use crate::format::table::FileEntry;
use crate::layout::{self, Tail};
use crate::progress::Progress;
use crate::threads::default_threads;

/// An open bundle. Having one means that its digest is the one asked for and that the key opens it.
///
/// There is no way to open a bundle without saying which:
///
/// ```compile_fail
/// # async fn open(store: bytes::Bytes, key: &strongroom_crypto::secret::ModelKey) {
/// strongroom_bundle::Reader::open(store, key).await;
/// # }
/// ```
#[derive(Debug)]
pub struct Reader {
    core: Arc<Core>,
    store: Source,
    digest: BundleDigest,
    files: Vec<FileEntry>,
    threads: NonZeroUsize,
}

/// Where stored chunks come from.
#[derive(Clone)]
enum Source {
    Direct(Arc<dyn DirectAccess>),
    Remote(Arc<dyn RandomAccess>, Tail),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Direct(_) => "Direct(..)",
            Self::Remote(..) => "Remote(..)",
        })
    }
}

impl Reader {
    /// Opens the bundle with exactly this digest.
    ///
    /// # Errors
    /// [`BundleError::DigestMismatch`] for any other bundle, and each way in which the bytes, the key or the store
    /// can be wrong.
    pub async fn open(
        store: impl RandomAccess,
        digest: &BundleDigest,
        key: &ModelKey,
    ) -> Result<Self, BundleError> {
        let layout = layout::read(&store).await?;
        if layout.digest != *digest {
            return Err(BundleError::DigestMismatch {
                expected: *digest,
                found: layout.digest,
            });
        }
        let tail = layout.tail.clone();
        let (core, files) = Core::open(&store, layout, key).await?;
        let store = match store.direct() {
            Some(direct) => Source::Direct(direct),
            None => Source::Remote(Arc::new(store), tail),
        };
        Ok(Self {
            core: Arc::new(core),
            store,
            digest: *digest,
            files,
            threads: default_threads(),
        })
    }

    /// The same reader on another number of threads.
    #[must_use]
    pub fn with_threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }

    /// The digest under which the bundle was opened.
    #[must_use]
    pub const fn digest(&self) -> BundleDigest {
        self.digest
    }

    /// All files, in ascending order of their names.
    #[must_use]
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// The file with this name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files
            .binary_search_by(|file| file.name().cmp(name))
            .ok()
            .map(|at| &self.files[at])
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn content_bytes(&self) -> u64 {
        self.files.last().map_or(0, |file| file.offset + file.length)
    }

    /// Bytes `range` of a file.
    ///
    /// # Errors
    /// [`BundleError::NoSuchFile`], [`BundleError::Range`], [`BundleError::ChunkCorrupt`], [`BundleError::Store`].
    pub async fn read_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, BundleError> {
        self.read_content(self.content_range(name, range)?).await
    }

    /// Bytes `range` of the content: of all files, one after the other.
    pub(crate) async fn read_content(&self, range: Range<u64>) -> Result<Bytes, BundleError> {
        let bytes = buffer(range.end - range.start)?;
        match &self.store {
            Source::Direct(source) => {
                let (core, source, threads) = (self.core.clone(), source.clone(), self.threads);
                blocking(move || {
                    let mut bytes = bytes;
                    direct::read_into(&core, source.as_ref(), range, &mut bytes, threads)?;
                    Ok(bytes.into())
                })
                .await
            }
            Source::Remote(store, tail) => remote::read(&self.core, store, tail, range, bytes)
                .await
                .map(Bytes::from),
        }
    }

    /// A whole file.
    ///
    /// # Errors
    /// As [`Self::read_range`].
    pub async fn read_file(&self, name: &str) -> Result<Bytes, BundleError> {
        let length = self.file(name).map_or(0, FileEntry::length);
        self.read_range(name, 0..length).await
    }

    /// Bytes of a file from `offset` on into `out`, on the caller's thread and its helpers. For bundles on this machine:
    /// behind a network it fails, and [`Self::read_range`] is meant.
    ///
    /// # Errors
    /// As [`Self::read_range`]; `out` then holds zeros.
    pub fn read_into(&self, name: &str, offset: u64, out: &mut [u8]) -> Result<(), BundleError> {
        let range = self.content_range(name, offset..offset.saturating_add(out.len() as u64))?;
        match &self.store {
            Source::Direct(source) => {
                direct::read_into(&self.core, source.as_ref(), range, out, self.threads)
            }
            Source::Remote(..) => Err(BundleError::Store(crate::store::StoreError::Configuration {
                what: "a bundle behind a network cannot be read without waiting".to_owned(),
            })),
        }
    }

    /// The reference inputs and outputs that the owner put in, where there are any.
    ///
    /// # Errors
    /// As [`Self::read_range`].
    pub async fn reference(&self) -> Result<Option<Bytes>, BundleError> {
        match self.file(REFERENCE_NAME) {
            Some(_) => self.read_file(REFERENCE_NAME).await.map(Some),
            None => Ok(None),
        }
    }

    /// Reads and verifies every chunk, padding included. Opening has verified the rest.
    ///
    /// # Errors
    /// [`BundleError::ChunkCorrupt`], [`BundleError::Malformed`], [`BundleError::Store`].
    pub async fn verify(&self, progress: Progress) -> Result<(), BundleError> {
        let used = self.content_bytes();
        let counter = progress.counter(Some(self.core.geometry.content_bytes));
        self.for_each(Arc::new(move |offset, plain: &[u8]| {
            let padding_at = usize::try_from(used.saturating_sub(offset))
                .unwrap_or(usize::MAX)
                .min(plain.len());
            if plain[padding_at..].iter().any(|&byte| byte != 0) {
                return Err(BundleError::Malformed {
                    what: "the padding is not zero",
                });
            }
            counter.add(plain.len() as u64);
            Ok(())
        }))
        .await
    }

    /// Decrypts all files into the new folder `destination`, readable by its owner only. The folder appears when all
    /// of it is there and verified; after a failure nothing is left.
    ///
    /// # Errors
    /// [`BundleError::Exists`] where something is there already, [`BundleError::Io`], and as [`Self::read_range`].
    pub async fn decrypt_to_dir(&self, destination: &Path, progress: Progress) -> Result<(), BundleError> {
        extract::to_dir(self, destination, progress).await
    }

    /// Calls `visit` with every chunk of content, in no order, from several threads.
    async fn for_each(&self, visit: Visit) -> Result<(), BundleError> {
        match &self.store {
            Source::Direct(source) => {
                let (core, source, threads) = (self.core.clone(), source.clone(), self.threads);
                blocking(move || direct::for_each(&core, source.as_ref(), threads, visit.as_ref())).await
            }
            Source::Remote(store, tail) => {
                let all = 0..self.core.geometry.content_bytes;
                remote::for_each(&self.core, store, tail, all, visit).await
            }
        }
    }

    fn content_range(&self, name: &str, range: Range<u64>) -> Result<Range<u64>, BundleError> {
        let file = self.file(name).ok_or_else(|| BundleError::NoSuchFile {
            name: name.to_owned(),
        })?;
        if range.start > range.end || range.end > file.length {
            let Range { start, end } = range;
            return Err(BundleError::Range {
                name: name.to_owned(),
                start,
                end,
                length: file.length,
            });
        }
        Ok(file.offset + range.start..file.offset + range.end)
    }
}

/// A buffer of zeros for plaintext. Sizes are under the digest, and still may be more than this machine has.
fn buffer(bytes: u64) -> Result<Vec<u8>, BundleError> {
    let too_large = BundleError::TooLarge {
        what: "bytes at once",
        found: bytes,
        limit: isize::MAX as u64,
    };
    let Ok(length) = usize::try_from(bytes) else {
        return Err(too_large);
    };
    let mut buffer = Vec::new();
    if buffer.try_reserve_exact(length).is_err() {
        return Err(too_large);
    }
    buffer.resize(length, 0);
    Ok(buffer)
}

/// Runs work that keeps a processor busy where it holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BundleError> + Send + 'static,
) -> Result<T, BundleError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => {
                let source = std::io::Error::other(error);
                Err(BundleError::Io {
                    what: "the program is ending".to_owned(),
                    source,
                })
            }
        },
    }
}
