//! Where a bundle's bytes come from. Whatever comes is untrusted: the reader verifies it all.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::store::StoreError;

/// A place from which any range of a bundle's bytes can be read.
#[async_trait]
pub trait RandomAccess: Send + Sync + 'static {
    /// The last `bytes_max` bytes (all of them, where there are fewer), and the size of the whole.
    async fn tail(&self, bytes_max: u64) -> Result<(Bytes, u64), StoreError>;

    /// Exactly the bytes of `range`.
    async fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError>;

    /// The same bytes without waiting for a network, where there is none between: then threads read them directly.
    fn direct(&self) -> Option<Arc<dyn DirectAccess>> {
        None
    }
}

/// Bytes that lie on this machine.
pub trait DirectAccess: Send + Sync + 'static {
    /// `bytes` bytes from `offset` on, in place or through `buffer`, which is at least as long.
    ///
    /// # Errors
    /// As the file system answers; [`StoreError::EndedEarly`] where there are fewer.
    fn read_at<'a>(&'a self, offset: u64, bytes: usize, buffer: &'a mut [u8])
    -> Result<&'a [u8], StoreError>;
}

#[async_trait]
impl<T: RandomAccess + ?Sized> RandomAccess for Arc<T> {
    async fn tail(&self, bytes_max: u64) -> Result<(Bytes, u64), StoreError> {
        (**self).tail(bytes_max).await
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        (**self).read(range).await
    }

    fn direct(&self) -> Option<Arc<dyn DirectAccess>> {
        (**self).direct()
    }
}

#[async_trait]
impl<T: RandomAccess + ?Sized> RandomAccess for Box<T> {
    async fn tail(&self, bytes_max: u64) -> Result<(Bytes, u64), StoreError> {
        (**self).tail(bytes_max).await
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        (**self).read(range).await
    }

    fn direct(&self) -> Option<Arc<dyn DirectAccess>> {
        (**self).direct()
    }
}

/// A bundle in memory.
#[async_trait]
impl RandomAccess for Bytes {
    async fn tail(&self, bytes_max: u64) -> Result<(Bytes, u64), StoreError> {
        let kept = usize::try_from(bytes_max).map_or(self.len(), |max| max.min(self.len()));
        Ok((self.slice(self.len() - kept..), self.len() as u64))
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        let bytes = slice(self, range.start, range.end.saturating_sub(range.start))?;
        Ok(self.slice_ref(bytes))
    }

    fn direct(&self) -> Option<Arc<dyn DirectAccess>> {
        Some(Arc::new(self.clone()))
    }
}

impl DirectAccess for Bytes {
    fn read_at<'a>(&'a self, offset: u64, bytes: usize, _: &'a mut [u8]) -> Result<&'a [u8], StoreError> {
        slice(self, offset, bytes as u64)
    }
}

fn slice(bytes: &Bytes, offset: u64, length: u64) -> Result<&[u8], StoreError> {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    let rest = &bytes[start..];
    usize::try_from(length)
        .ok()
        .and_then(|length| rest.get(..length))
        .ok_or_else(|| StoreError::EndedEarly {
            place: "the bundle".to_owned(),
            expected: length,
            found: rest.len() as u64,
        })
}

/// A bundle in a local file. The file stays open: replacing it by another changes nothing for its reader.
#[derive(Debug, Clone)]
pub struct LocalFile(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    file: File,
    path: PathBuf,
}

impl LocalFile {
    /// Opens the file.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Denied`], [`StoreError::Failed`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let file = File::open(&path).map_err(|error| StoreError::local(&path, error))?;
        let metadata = file.metadata().map_err(|error| StoreError::local(&path, error))?;
        if !metadata.is_file() {
            return Err(StoreError::Url {
                url: path.display().to_string(),
                why: "it is no file".to_owned(),
            });
        }
        Ok(Self(Arc::new(Opened { file, path })))
    }

    fn read_now(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        let bytes = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut buffer = Vec::new();
        if buffer.try_reserve_exact(bytes).is_err() {
            let place = self.0.path.display().to_string();
            return Err(StoreError::TooLarge {
                place,
                found: bytes as u64,
                limit: isize::MAX as u64,
            });
        }
        buffer.resize(bytes, 0);
        self.0.read_at(range.start, bytes, &mut buffer)?;
        Ok(buffer.into())
    }
}

#[async_trait]
impl RandomAccess for LocalFile {
    async fn tail(&self, bytes_max: u64) -> Result<(Bytes, u64), StoreError> {
        let metadata = self
            .0
            .file
            .metadata()
            .map_err(|error| StoreError::local(&self.0.path, error))?;
        let size = metadata.len();
        Ok((self.read_now(size - bytes_max.min(size)..size)?, size))
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.read_now(range)
    }

    fn direct(&self) -> Option<Arc<dyn DirectAccess>> {
        Some(self.0.clone())
    }
}

impl DirectAccess for Opened {
    fn read_at<'a>(
        &'a self,
        offset: u64,
        bytes: usize,
        buffer: &'a mut [u8],
    ) -> Result<&'a [u8], StoreError> {
        let buffer = &mut buffer[..bytes];
        let mut found = 0;
        while found < bytes {
            match self.file.read_at(&mut buffer[found..], offset + found as u64) {
                Ok(0) => {
                    let place = self.path.display().to_string();
                    return Err(StoreError::EndedEarly {
                        place,
                        expected: bytes as u64,
                        found: found as u64,
                    });
                }
                Ok(more) => found += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::local(&self.path, error)),
            }
        }
        Ok(buffer)
    }
}
