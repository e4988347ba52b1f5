//! Reading an object by ranges. Once its first bytes came, the others must be of the same object.

use std::ops::Range;
use std::sync::OnceLock;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::{GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore};

use super::{Remote, StoreError};
use crate::access::RandomAccess;

/// An object behind a network.
#[derive(Debug)]
pub(super) struct Object {
    remote: Remote,
    /// What the store calls the version that the first answer came from.
    version: OnceLock<Option<String>>,
}

impl Object {
    pub(super) const fn new(remote: Remote) -> Self {
        Self {
            remote,
            version: OnceLock::new(),
        }
    }

    async fn get(&self, range: Option<GetRange>, head: bool) -> Result<GetResult, object_store::Error> {
        let version = self.version.get().cloned().flatten();
        let options = GetOptions::new()
            .with_range(range)
            .with_head(head)
            .with_if_match(version);
        let result = self.remote.store.get_opts(&self.remote.path, options).await?;
        self.version.get_or_init(|| pin(&result.meta));
        Ok(result)
    }

    fn error(&self, error: object_store::Error) -> StoreError {
        match error {
            object_store::Error::Precondition { .. } => StoreError::Changed {
                place: self.remote.shown.clone(),
            },
            other => self.remote.error(other),
        }
    }

    async fn bytes(&self, range: GetRange) -> Result<(Bytes, u64), object_store::Error> {
        let result = self.get(Some(range), false).await?;
        let size = result.meta.size;
        Ok((result.bytes().await?, size))
    }
}

/// Weak tags never match in a precondition (RFC 9110 §13.1.1): such a store goes without.
fn pin(meta: &ObjectMeta) -> Option<String> {
    meta.e_tag.clone().filter(|tag| !tag.starts_with("W/"))
}

#[async_trait]
impl RandomAccess for Object {
    async fn tail(&self, bytes_max: u64) -> Result<(Bytes, u64), StoreError> {
        match self.bytes(GetRange::Suffix(bytes_max)).await {
            Ok(found) => return Ok(found),
            // Some stores know no suffix ranges, and none has a suffix of nothing: there the size is asked for.
            Err(object_store::Error::NotSupported { .. } | object_store::Error::Generic { .. }) => {}
            Err(error) => return Err(self.error(error)),
        }
        let size = self
            .get(None, true)
            .await
            .map_err(|error| self.error(error))?
            .meta
            .size;
        if size == 0 {
            return Ok((Bytes::new(), 0));
        }
        let range = size - bytes_max.min(size)..size;
        self.bytes(GetRange::Bounded(range))
            .await
            .map_err(|error| self.error(error))
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let (bytes, _) = self
            .bytes(GetRange::Bounded(range))
            .await
            .map_err(|error| self.error(error))?;
        Ok(bytes)
    }
}
