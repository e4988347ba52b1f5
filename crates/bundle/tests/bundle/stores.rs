//! Stores that fail, vanish or change under the reader's hands.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, UploadPart,
};
use strongroom_bundle::{Location, Reader, Sources, WriteOptions};

use crate::support::{Seeded, files, key, noise, options, read_all, sources};

/// Content that takes several parts of an upload.
const LARGE: usize = 20 * 1024 * 1024;

fn large() -> Sources {
    Sources::new().with_bytes("weights", noise(1, 1024).repeat(LARGE / 1024))
}

/// Parts as they come: large chunks keep the debug build quick.
fn fast() -> WriteOptions {
    WriteOptions {
        chunk_bytes: 1024 * 1024,
        ..options(2)
    }
}

/// A store in which everything from the `good`-th part of an upload on fails.
#[derive(Debug, Clone)]
struct Faulty {
    inner: Arc<InMemory>,
    good: usize,
    aborted: Arc<AtomicUsize>,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    left: usize,
    aborted: Arc<AtomicUsize>,
}

fn gone() -> object_store::Error {
    object_store::Error::Generic {
        store: "faulty",
        source: "the network is gone".into(),
    }
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                self.inner.put_part(data)
            }
            None => Box::pin(async { Err(gone()) }),
        }
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        self.inner.complete().await
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        self.aborted.fetch_add(1, Ordering::Relaxed);
        self.inner.abort().await
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(FaultyUpload {
            inner,
            left: self.good,
            aborted: self.aborted.clone(),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

fn faulty(good: usize) -> (Location, Arc<AtomicUsize>) {
    let aborted = Arc::<AtomicUsize>::default();
    let store = Faulty {
        inner: Arc::default(),
        good,
        aborted: aborted.clone(),
    };
    (
        Location::in_store(Arc::new(store), "models/a.bundle", "s3://bucket/models/a.bundle").unwrap(),
        aborted,
    )
}

/// Aborting is a task of its own: it runs when this one waits.
async fn aborts(aborted: &AtomicUsize) -> usize {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    aborted.load(Ordering::Relaxed)
}

#[tokio::test]
async fn an_upload_in_parts_round_trips() {
    let (place, aborted) = faulty(usize::MAX);
    let written = place
        .encrypt(large(), &key(1), &Seeded::new(1), &fast())
        .await
        .unwrap();
    let reader = Reader::open(place.open().unwrap(), &written.digest, &key(1))
        .await
        .unwrap();
    assert!(reader.read_file("weights").await.unwrap() == noise(1, 1024).repeat(LARGE / 1024));
    assert_eq!(aborts(&aborted).await, 0);

    let folder = Location::in_store(Arc::new(InMemory::new()), "models", "memory:///models").unwrap();
    for name in ["b.bundle", "1/a.bundle", ".x.partial"] {
        let place = folder.join(name);
        place
            .encrypt(
                sources(&files(&[("a", 10)])),
                &key(1),
                &Seeded::new(1),
                &options(1),
            )
            .await
            .unwrap();
    }
    let listed = folder.list().await.unwrap();
    let shown: Vec<_> = listed
        .iter()
        .map(|object| (object.name.as_str(), object.location.to_string()))
        .collect();
    assert_eq!(
        shown,
        [
            ("1/a.bundle", "memory:///models/1/a.bundle".to_owned()),
            ("b.bundle", "memory:///models/b.bundle".to_owned())
        ]
    );
    let single = folder.join("b.bundle").list().await.unwrap();
    assert_eq!((single.len(), single[0].name.as_str()), (1, "b.bundle"));
    assert_eq!(
        folder.join("nothing").list().await.unwrap_err().code(),
        "store.not_found"
    );
    folder.join("b.bundle").delete().await.unwrap();
    assert!(!folder.join("b.bundle").exists().await.unwrap());
}

#[tokio::test]
async fn a_store_that_fails_shows_nothing_and_the_upload_is_aborted() {
    let (place, aborted) = faulty(1);
    let error = place
        .encrypt(large(), &key(1), &Seeded::new(1), &fast())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "store.failed");
    assert!(!place.exists().await.unwrap());
    assert_eq!(aborts(&aborted).await, 1);
}

#[tokio::test]
async fn a_source_that_fails_leaves_the_old_object() {
    struct Fails(usize);
    impl std::io::Read for Fails {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(out.len())
                .ok_or_else(|| std::io::Error::other("the disk is gone"))?;
            Ok(out.len())
        }
    }
    let (place, aborted) = faulty(usize::MAX);
    let before = files(&[("a", 10)]);
    let old = place
        .encrypt(sources(&before), &key(1), &Seeded::new(1), &options(1))
        .await
        .unwrap();
    for bytes in [100, LARGE] {
        let failing = Sources::new().with_reader("weights", Fails(bytes));
        let error = place
            .encrypt(failing, &key(1), &Seeded::new(2), &fast())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "bundle.io");
        assert_eq!(
            read_all(place.open().unwrap(), &old.digest, &key(1))
                .await
                .unwrap(),
            before
        );
    }
    assert_eq!(aborts(&aborted).await, 1, "the first failed before it had a part");
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_the_upload() {
    struct Slow(tokio::sync::mpsc::Sender<()>);
    impl std::io::Read for Slow {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            // Goes on until nobody takes what it gives.
            let _ = self.0.try_send(());
            Ok(out.len())
        }
    }
    let (place, aborted) = faulty(usize::MAX);
    let (started, mut reading) = tokio::sync::mpsc::channel(1);
    let endless = Sources::new().with_reader("weights", Slow(started));
    {
        let (key, random, options) = (key(1), Seeded::new(1), fast());
        let upload = place.encrypt(endless, &key, &random, &options);
        tokio::select! {
            outcome = upload => panic!("an endless source has no end: {outcome:?}"),
            () = async { for _ in 0..40 { reading.recv().await; } } => {}
        }
    }
    assert!(!place.exists().await.unwrap());
    assert!(aborts(&aborted).await <= 1);
    assert!(
        reading.recv().await.is_none() || {
            while reading.recv().await.is_some() {}
            true
        },
        "the source was let go"
    );
}

#[tokio::test]
async fn an_object_replaced_between_two_reads_is_noticed() {
    let (place, _) = faulty(usize::MAX);
    let written = place
        .encrypt(large(), &key(1), &Seeded::new(1), &fast())
        .await
        .unwrap();
    let reader = Reader::open(place.open().unwrap(), &written.digest, &key(1))
        .await
        .unwrap();
    place
        .encrypt(large(), &key(1), &Seeded::new(2), &fast())
        .await
        .unwrap();
    let error = reader.read_range("weights", 0..10).await.unwrap_err();
    assert_eq!(error.code(), "store.changed");
}

#[tokio::test]
async fn a_file_is_copied_into_a_store_and_nothing_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a");
    std::fs::write(&source, noise(1, 100_000)).unwrap();
    let (far, _) = faulty(usize::MAX);
    for place in [far, Location::from_path(folder.path().join("b"))] {
        assert!(!place.exists().await.unwrap());
        assert_eq!(place.read_small(10).await.unwrap_err().code(), "store.not_found");
        place.put_file(&source).await.unwrap();
        assert_eq!(place.read_small(100_000).await.unwrap(), noise(1, 100_000));
        assert_eq!(
            place.read_small(99_999).await.unwrap_err().code(),
            "store.too_large"
        );
        let gone = place.put_file(&folder.path().join("nothing")).await.unwrap_err();
        assert_eq!(gone.code(), "store.not_found");
    }
}
