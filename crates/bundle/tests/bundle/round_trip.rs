//! What goes in comes out, whole and in parts, whatever the sizes, threads and ways of access.

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use crate::support::{Far, Files, Seeded, bundle, files, key, noise, options, read_all, sources};
use bytes::Bytes;
use proptest::prelude::*;
use strongroom_bundle::{BundleError, Location, Progress, Reader, Sources, WriteOptions, inspect, write};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_files_round_trip_and_any_range_is_what_it_was(
        sizes in prop::collection::vec(0usize..20_000, 0..6),
        threads in 1usize..4,
        seed in any::<u64>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 4),
    ) {
        let files: Files = (0u8..).zip(&sizes).map(|(at, &size)| (format!("d{}/f{at}", at % 2), noise(at, size))).collect();
        let mut bytes = Vec::new();
        let summary = write(sources(&files), &mut bytes, &key(1), &Seeded::new(seed), &options(threads)).unwrap();
        let total = sizes.iter().sum::<usize>() as u64;
        prop_assert_eq!(summary.content_bytes, total);
        let bytes = Bytes::from(bytes);
        runtime().block_on(async {
            assert_eq!(read_all(bytes.clone(), &summary.digest, &key(1)).await.unwrap(), files);
            assert_eq!(read_all(Far::new(bytes.clone()), &summary.digest, &key(1)).await.unwrap(), files);
            let near = Reader::open(bytes.clone(), &summary.digest, &key(1)).await.unwrap();
            let far = Reader::open(Far::new(bytes.clone()), &summary.digest, &key(1)).await.unwrap();
            near.verify(Progress::none()).await.unwrap();
            far.verify(Progress::none()).await.unwrap();
            for (name, content) in &files {
                for (a, b) in &cuts {
                    let (a, b) = (a.index(content.len() + 1), b.index(content.len() + 1));
                    let range = a.min(b)..a.max(b);
                    let wanted = range.start as u64..range.end as u64;
                    assert_eq!(near.read_range(name, wanted.clone()).await.unwrap(), content[range.clone()]);
                    assert_eq!(far.read_range(name, wanted).await.unwrap(), content[range]);
                }
            }
        });
    }

    #[test]
    fn padding_costs_at_most_twelve_percent(size in 0usize..60_000) {
        let (bytes, _) = bundle(&files(&[("a", size)]), 1);
        let inspection = runtime().block_on(inspect(&Bytes::from(bytes))).unwrap();
        let padded = inspection.content_bytes_padded;
        prop_assert!(padded >= size as u64 && (padded - size as u64) * 100 <= size as u64 * 12);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let files = files(&[("a", 3_000_000), ("b", 10)]);
    let written = |threads| {
        let mut bytes = Vec::new();
        write(
            sources(&files),
            &mut bytes,
            &key(1),
            &Seeded::new(3),
            &options(threads),
        )
        .unwrap();
        bytes
    };
    let one = written(1);
    assert!(one == written(2) && one == written(5));
}

#[test]
fn one_content_twice_shares_no_byte_of_ciphertext() {
    let files = files(&[("a", 20_000)]);
    let (first, _) = bundle(&files, 1);
    let (second, _) = bundle(&files, 2);
    let equal = first[512..20_000]
        .chunks(16)
        .zip(second[512..20_000].chunks(16))
        .filter(|(a, b)| a == b);
    assert_eq!(equal.count(), 0);
}

#[test]
fn names_contents_and_exact_sizes_do_not_show() {
    let named = |name: &str, length: usize| {
        let files: Files = [(
            name.to_owned(),
            b"canary".repeat(length / 6 + 1)[..length].to_vec(),
        )]
        .into();
        bundle(&files, 1).0
    };
    let bytes = named("secret-project.onnx", 100_001);
    for needle in [&b"secret-project"[..], b"canary"] {
        assert!(!bytes.windows(needle.len()).any(|window| window == needle));
    }
    assert_eq!(
        bytes.len(),
        named("x", 100_100).len(),
        "neighbours in size and name look alike"
    );
}

#[tokio::test]
async fn a_range_is_read_by_reading_little_more() {
    let files = files(&[("weights", 8 * 1024 * 1024)]);
    let mut bytes = Vec::new();
    let options = WriteOptions {
        chunk_bytes: 64 * 1024,
        ..options(2)
    };
    let digest = write(sources(&files), &mut bytes, &key(1), &Seeded::new(1), &options)
        .unwrap()
        .digest;
    let far = Far::new(bytes);
    let reader = Reader::open(far.clone(), &digest, &key(1)).await.unwrap();
    let opened = far.read.swap(0, Ordering::Relaxed);
    assert!(opened <= 256 * 1024 + 512, "{opened}");
    let range = 5_000_000..5_000_100;
    assert_eq!(
        reader.read_range("weights", 5_000_000..5_000_100).await.unwrap(),
        files["weights"][range]
    );
    assert_eq!(far.read.load(Ordering::Relaxed), 64 * 1024 + 16);
}

#[tokio::test]
async fn a_folder_goes_in_and_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    std::fs::create_dir_all(model.join("variables")).unwrap();
    std::fs::write(model.join("saved_model.pb"), noise(1, 50_000)).unwrap();
    std::fs::write(model.join("variables/index"), noise(2, 10)).unwrap();
    std::fs::write(model.join("variables/empty"), b"").unwrap();

    let place = Location::from_path(folder.path().join("store/model.bundle"));
    let done = Arc::new(Mutex::new((0, None)));
    let seen = done.clone();
    let progress = Progress::new(move |done, total| {
        let mut seen = seen.lock().unwrap();
        *seen = (seen.0.max(done), total);
    });
    let sources = Sources::from_path(&model).unwrap().with_reference("{}").unwrap();
    let options = WriteOptions {
        progress,
        ..options(2)
    };
    let summary = place
        .encrypt(sources, &key(1), &Seeded::new(1), &options)
        .await
        .unwrap();
    assert_eq!((summary.files, summary.content_bytes), (4, 50_012));
    let (reported, total) = *done.lock().unwrap();
    assert!(
        reported >= 50_012 && total == Some(50_012),
        "{reported} of {total:?}"
    );
    let listed = Location::from_path(folder.path().join("store"))
        .list()
        .await
        .unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].name.as_str(), listed[0].bytes),
        ("model.bundle", summary.stored_bytes)
    );

    let reader = Reader::open(place.open().unwrap(), &summary.digest, &key(1))
        .await
        .unwrap();
    assert_eq!(reader.reference().await.unwrap().unwrap(), "{}");
    assert_eq!(
        reader.read_range("saved_model.pb", 4090..4100).await.unwrap(),
        noise(1, 50_000)[4090..4100]
    );
    let memory = reader.read_all_into_memory().await.unwrap();
    assert_eq!(memory.file("saved_model.pb").unwrap(), noise(1, 50_000));
    assert_eq!(memory.files().len(), 4);
    assert!(memory.file("nothing").is_none());

    let out = folder.path().join("out");
    reader.decrypt_to_dir(&out, Progress::none()).await.unwrap();
    assert_eq!(
        std::fs::read(out.join("saved_model.pb")).unwrap(),
        noise(1, 50_000)
    );
    assert_eq!(std::fs::read(out.join("variables/index")).unwrap(), noise(2, 10));
    assert_eq!(std::fs::read(out.join("variables/empty")).unwrap(), b"");
    let error = reader.decrypt_to_dir(&out, Progress::none()).await.unwrap_err();
    assert!(matches!(error, BundleError::Exists(path) if path == out));
}

#[tokio::test]
async fn a_failed_decryption_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bytes, digest) = bundle(&files(&[("a", 50_000), ("b/c", 10)]), 1);
    bytes[40_000] ^= 1;
    for threads in [1, 3] {
        let reader = Reader::open(Bytes::from(bytes.clone()), &digest, &key(1))
            .await
            .unwrap();
        let reader = reader.with_threads(NonZeroUsize::new(threads).unwrap());
        let error = reader
            .decrypt_to_dir(&folder.path().join("out"), Progress::none())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "bundle.chunk_corrupt");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_failed_encryption_leaves_what_was_there() {
    struct Fails(usize);
    impl std::io::Read for Fails {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(1)
                .ok_or_else(|| std::io::Error::other("the disk is gone"))?;
            Ok(out.len())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bundle");
    std::fs::write(&path, b"before").unwrap();
    for threads in [1, 3] {
        let sources = Sources::new().with_reader("a", Fails(3000));
        let place = Location::from_path(&path);
        let error = place
            .encrypt(sources, &key(1), &Seeded::new(1), &options(threads))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "bundle.io");
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
