//! What the tests of this crate share.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use strongroom_bundle::{BundleDigest, RandomAccess, Reader, Sources, StoreError, WriteOptions, write};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::random::Random;
use strongroom_crypto::secret::ModelKey;

/// Bytes that follow from a seed, so that every run writes the same bundle.
pub(crate) struct Seeded {
    seed: u64,
    drawn: AtomicU64,
}

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            drawn: AtomicU64::new(0),
        }
    }
}

impl Random for Seeded {
    fn fill(&self, out: &mut [u8]) {
        for part in out.chunks_mut(32) {
            let mut input = self.seed.to_be_bytes().to_vec();
            input.extend_from_slice(&self.drawn.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            part.copy_from_slice(&sha256(&input).as_bytes()[..part.len()]);
        }
    }
}

pub(crate) fn key(byte: u8) -> ModelKey {
    ModelKey::init_with(|key| key.fill(byte))
}

/// Bytes without a pattern that repeats within a chunk.
pub(crate) fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 32);
    for index in 0u64.. {
        if bytes.len() >= length {
            break;
        }
        let mut input = vec![seed];
        input.extend_from_slice(&index.to_be_bytes());
        bytes.extend_from_slice(sha256(&input).as_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn files(list: &[(&str, usize)]) -> Files {
    (0u8..)
        .zip(list)
        .map(|(seed, &(name, length))| (name.to_owned(), noise(seed, length)))
        .collect()
}

pub(crate) fn sources(files: &Files) -> Sources {
    files.iter().fold(Sources::new(), |sources, (name, bytes)| {
        sources.with_bytes(name, bytes.clone())
    })
}

pub(crate) fn options(threads: usize) -> WriteOptions {
    WriteOptions {
        chunk_bytes: 4096,
        threads: NonZeroUsize::new(threads).unwrap(),
        ..WriteOptions::default()
    }
}

/// A bundle of `files` under `key(1)`.
pub(crate) fn bundle(files: &Files, seed: u64) -> (Vec<u8>, BundleDigest) {
    let mut bytes = Vec::new();
    let summary = write(
        sources(files),
        &mut bytes,
        &key(1),
        &Seeded::new(seed),
        &options(2),
    )
    .unwrap();
    assert_eq!(summary.stored_bytes, bytes.len() as u64);
    (bytes, summary.digest)
}

/// Opens and reads every file.
pub(crate) async fn read_all(
    store: impl RandomAccess,
    digest: &BundleDigest,
    key: &ModelKey,
) -> Result<Files, strongroom_bundle::BundleError> {
    let reader = Reader::open(store, digest, key).await?;
    let mut files = Files::new();
    for file in reader.files() {
        files.insert(
            file.name().to_owned(),
            reader.read_file(file.name()).await?.to_vec(),
        );
    }
    Ok(files)
}

/// Bytes behind a network, as far as a reader can tell; counts what is read.
#[derive(Clone)]
pub(crate) struct Far {
    pub(crate) bytes: Bytes,
    pub(crate) read: std::sync::Arc<AtomicU64>,
}

impl Far {
    pub(crate) fn new(bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: bytes.into(),
            read: std::sync::Arc::default(),
        }
    }

    fn count(&self, bytes: &Bytes) {
        self.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }
}

#[async_trait]
impl RandomAccess for Far {
    async fn tail(&self, bytes_max: u64) -> Result<(Bytes, u64), StoreError> {
        let found = self.bytes.tail(bytes_max).await?;
        self.count(&found.0);
        Ok(found)
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        let found = self.bytes.read(range).await?;
        self.count(&found);
        Ok(found)
    }
}
