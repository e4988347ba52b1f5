//! Gives a bundle to another model key: the wrapped data key changes, chunks and digest stay.
//!
//! It takes nothing back: who has the old key and an old copy of the bundle can read on.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use strongroom_crypto::random::Random;
use strongroom_crypto::secret::{KeyId, ModelKey};

use crate::access::RandomAccess;
use crate::error::BundleError;
use crate::format::digest::BundleDigest;
use crate::format::header::{self, Header};
use crate::keys;
use crate::layout;
use crate::store::{Location, Remote, StoreError, upload};

/// Bytes that are copied at once.
const COPY_BYTES: u64 = 8 * 1024 * 1024;

/// What a change of keys left.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rewrapped {
    /// The same digest as before.
    pub digest: BundleDigest,
    /// Name of the key that opens the bundle now.
    pub key_id: KeyId,
}

impl Location {
    /// Wraps the data key of the bundle here for `new` instead of `old`.
    ///
    /// A local file is changed in place, in two steps, so that at every instant one of the keys opens it. A remote
    /// object is copied over itself with a new header; the old one stays until the copy is complete.
    ///
    /// # Errors
    /// [`BundleError::WrongKey`] unless `old` opens the bundle, and as [`crate::inspect()`] and the store.
    pub async fn rewrap(
        &self,
        old: &ModelKey,
        new: &ModelKey,
        random: &dyn Random,
    ) -> Result<Rewrapped, BundleError> {
        let store = self.open()?;
        let layout = layout::read(store.as_ref()).await?;
        let steps = Steps::new(&layout.header, old, new, random)?;
        match (self.remote(), self.local_path()) {
            (Some(remote), _) => copy(remote, store, layout.geometry.total_bytes(), &steps.after).await?,
            (None, Some(path)) => in_place(path, &steps)?,
            (None, None) => {}
        }
        Ok(Rewrapped {
            digest: layout.digest,
            key_id: new.id(),
        })
    }
}

/// The headers of a change of keys.
struct Steps {
    /// Both keys open.
    between: Header,
    /// The new key alone opens.
    after: Header,
}

impl Steps {
    fn new(
        header: &Header,
        old: &ModelKey,
        new: &ModelKey,
        random: &dyn Random,
    ) -> Result<Self, BundleError> {
        let data_key = keys::unwrap(header, old)?;
        let wrap = keys::wrap(&data_key, new, &header.parameters, random);
        // The slot that `old` does not need, so that it opens until the new wrap is on disk.
        let kept = header
            .slots
            .iter()
            .position(|slot| slot.as_ref().is_some_and(|slot| slot.key_id == old.id()));
        let free = if kept == Some(0) { 1 } else { 0 };
        let mut between = header.clone();
        between.slots[free] = Some(wrap);
        let mut after = between.clone();
        after.slots[1 - free] = None;
        debug_assert!(keys::unwrap(&after, new).is_ok_and(|key| key == data_key));
        Ok(Self { between, after })
    }
}

fn in_place(path: &Path, steps: &Steps) -> Result<(), BundleError> {
    let what = || format!("writing {}", path.display());
    let file: File = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(BundleError::io(what()))?;
    for header in [&steps.between, &steps.after] {
        file.write_all_at(&header.encode(), 0)
            .map_err(BundleError::io(what()))?;
        file.sync_all().map_err(BundleError::io(what()))?;
    }
    Ok(())
}

async fn copy(
    remote: &Remote,
    store: Arc<dyn RandomAccess>,
    bytes: u64,
    header: &Header,
) -> Result<(), BundleError> {
    let header = header.encode();
    let runtime = tokio::runtime::Handle::current();
    upload::produce(remote, Some(bytes), move |sink| {
        let write = |sink: &mut (dyn std::io::Write + Send), part: &[u8]| {
            sink.write_all(part)
                .map_err(BundleError::io("writing the bundle"))
        };
        write(sink, &header)?;
        let mut at = header::BYTES as u64;
        while at < bytes {
            let end = (at + COPY_BYTES).min(bytes);
            // The reader is pinned to one version of the object: a copy is never put together from two.
            let part = runtime.block_on(store.read(at..end))?;
            if part.len() as u64 != end - at {
                let (expected, found) = (end - at, part.len() as u64);
                return Err(StoreError::EndedEarly {
                    place: "the bundle".to_owned(),
                    expected,
                    found,
                }
                .into());
            }
            write(sink, &part)?;
            at = end;
        }
        Ok(())
    })
    .await
}
