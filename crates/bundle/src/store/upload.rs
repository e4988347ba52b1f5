//! Uploads in parts. The store shows the object when the last part is confirmed, and until then what was there before.
//! Whatever ends an upload early, a failing source, a failing store, a caller that lost interest, aborts it.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::local::blocking;
use super::{Remote, StoreError};
use crate::error::BundleError;

/// Bytes of a part; the stores ask for 5 MiB at least.
const PART_BYTES_MIN: u64 = 8 * 1024 * 1024;
/// Bytes of a part where the size of the whole is not known: 156 GiB in all.
const PART_BYTES_UNKNOWN: u64 = 16 * 1024 * 1024;
/// Most parts that a store takes, with something to spare.
const PARTS_MAX: u64 = 9_000;
/// Parts under way at once; with the one being filled they are the memory that an upload takes.
const PARTS_UNDER_WAY_MAX: usize = 4;
/// Writes that wait for the uploader.
const QUEUE_MAX: usize = 8;

/// What a producer sends. A queue that closes without the end means that it failed.
enum Piece {
    Bytes(Bytes),
    End,
}

/// Uploads what `produce` writes, on another thread, and returns what it returned.
pub(crate) async fn produce<T: Send + 'static>(
    remote: &Remote,
    bytes_max: Option<u64>,
    produce: impl FnOnce(&mut (dyn Write + Send)) -> Result<T, BundleError> + Send + 'static,
) -> Result<T, BundleError> {
    remote.check_writable()?;
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    let producer = blocking(move || {
        let mut sink = Sink(sender);
        let produced = produce(&mut sink)?;
        sink.send(Piece::End)
            .map_err(BundleError::io("writing the bundle"))?;
        Ok::<T, BundleError>(produced)
    });
    let (uploaded, produced) = futures::join!(receive(remote, bytes_max, receiver), producer);
    // A store that failed makes the producer fail as well: the store's reason is the one to tell.
    uploaded?;
    produced
}

/// Uploads a local file.
pub(super) async fn file(remote: &Remote, source: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::local(source, error);
    let mut file = File::open(source).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let what = format!("reading {}", source.display());
    let copied = produce(remote, Some(bytes), move |sink| {
        io::copy(&mut io::BufReader::with_capacity(COPY_BYTES, &mut file), sink)
            .map_err(BundleError::io(what))
    });
    match copied.await {
        Ok(_) => Ok(()),
        Err(BundleError::Store(error)) => Err(error),
        Err(BundleError::Io { source: error, .. }) => Err(failed(error)),
        Err(other) => Err(StoreError::Failed {
            place: remote.shown.clone(),
            source: Box::new(other),
        }),
    }
}

const COPY_BYTES: usize = 1024 * 1024;

/// The producer's end of the queue.
struct Sink(mpsc::Sender<Piece>);

impl Sink {
    fn send(&self, piece: Piece) -> io::Result<()> {
        self.0
            .blocking_send(piece)
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the upload has ended"))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(Piece::Bytes(Bytes::copy_from_slice(bytes)))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Uploads what comes through the queue, if its end comes.
async fn receive(
    remote: &Remote,
    bytes_max: Option<u64>,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<(), StoreError> {
    let part_bytes = bytes_max
        .map_or(PART_BYTES_UNKNOWN, |bytes| {
            bytes.div_ceil(PARTS_MAX).next_multiple_of(1024 * 1024)
        })
        .max(PART_BYTES_MIN);
    let part_bytes = usize::try_from(part_bytes).unwrap_or(usize::MAX);
    let mut part = Part::default();
    let mut upload: Option<Upload> = None;
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::Bytes(mut bytes) => {
                // Parts are of one length: some stores insist.
                while part.length + bytes.len() >= part_bytes {
                    part.push(bytes.split_to(part_bytes - part.length));
                    let open = match &mut upload {
                        Some(open) => open,
                        None => upload.insert(Upload::begin(remote).await?),
                    };
                    open.put(std::mem::take(&mut part).payload())
                        .await
                        .map_err(|error| remote.error(error))?;
                }
                part.push(bytes);
            }
            Piece::End => {
                let payload = part.payload();
                return match upload {
                    None => remote.store.put(&remote.path, payload).await.map(|_| ()),
                    Some(open) => open.complete(payload).await,
                }
                .map_err(|error| remote.error(error));
            }
        }
    }
    // The producer failed and says why itself; dropping the upload aborts it.
    Ok(())
}

/// Bytes on their way to becoming a part.
#[derive(Default)]
struct Part {
    pieces: Vec<Bytes>,
    length: usize,
}

impl Part {
    fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.length += bytes.len();
            self.pieces.push(bytes);
        }
    }

    fn payload(self) -> PutPayload {
        self.pieces.into_iter().collect()
    }
}

/// An upload in parts, aborted when it is dropped before it is complete.
struct Upload {
    open: Option<Box<dyn MultipartUpload>>,
    under_way: JoinSet<Result<(), object_store::Error>>,
    shown: String,
}

impl Upload {
    async fn begin(remote: &Remote) -> Result<Self, StoreError> {
        let open = remote
            .store
            .put_multipart(&remote.path)
            .await
            .map_err(|error| remote.error(error))?;
        Ok(Self {
            open: Some(open),
            under_way: JoinSet::new(),
            shown: remote.shown.clone(),
        })
    }

    async fn put(&mut self, payload: PutPayload) -> Result<(), object_store::Error> {
        while self.under_way.len() >= PARTS_UNDER_WAY_MAX {
            self.join_one().await?;
        }
        if let Some(open) = &mut self.open {
            self.under_way.spawn(open.put_part(payload));
        }
        Ok(())
    }

    async fn join_one(&mut self) -> Result<(), object_store::Error> {
        match self.under_way.join_next().await {
            None => Ok(()),
            Some(part) => part.unwrap_or_else(|error| Err(error.into())),
        }
    }

    async fn complete(mut self, last: PutPayload) -> Result<(), object_store::Error> {
        if last.content_length() > 0 {
            self.put(last).await?;
        }
        while !self.under_way.is_empty() {
            self.join_one().await?;
        }
        if let Some(open) = &mut self.open {
            open.complete().await?;
        }
        self.open = None;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.under_way.abort_all();
        let (Some(mut open), Ok(runtime)) = (self.open.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let shown = std::mem::take(&mut self.shown);
        // Nobody waits for it. Where the process ends first, the parts stay until the store's own rule removes them;
        // they never show as an object.
        runtime.spawn(async move {
            if let Err(error) = open.abort().await {
                tracing::warn!(place = shown, %error, "the parts of an unfinished upload could not be removed");
            }
        });
    }
}
