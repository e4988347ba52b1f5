//! Against a real S3 server with real signatures. `.ci/with-s3 cargo test -p strongroom-bundle --features s3 -- --ignored`
//! starts one; a missing server is a failure, never a pass.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use strongroom_bundle::{
    BundleError, Environment, Location, Progress, Reader, Sources, WriteOptions, inspect,
};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::secret::ModelKey;

/// Content that takes several parts of an upload and several requests to read.
const LARGE: usize = 40 * 1024 * 1024;

/// A place that no other test and no other run uses.
fn place(name: &str) -> Location {
    place_in(&Environment::of_process(), name)
}

fn place_in(environment: &Environment, name: &str) -> Location {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    for variable in ["STRONGROOM_TEST_S3_ENDPOINT", "STRONGROOM_TEST_S3_BUCKET"] {
        assert!(
            environment.get(variable).is_some(),
            "{variable} is not set: run this below .ci/with-s3"
        );
    }
    let bucket = environment.get("STRONGROOM_TEST_S3_BUCKET").unwrap();
    let run = std::process::id();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let url = format!("s3://{bucket}/{run}-{next}/{name}");
    Location::parse_with(&url, environment).unwrap()
}

/// The environment of this process with the server's endpoint and `changes`.
fn environment(changes: &[(&str, &str)]) -> Environment {
    let process = Environment::of_process();
    let kept = [
        "STRONGROOM_TEST_S3_ENDPOINT",
        "STRONGROOM_TEST_S3_BUCKET",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ];
    let kept = kept.iter().filter_map(|name| Some((*name, process.get(name)?)));
    kept.chain(changes.iter().copied()).collect()
}

fn key() -> ModelKey {
    ModelKey::init_with(|key| key.fill(1))
}

fn large() -> Vec<u8> {
    (0..LARGE)
        .map(|index| u8::try_from(index % 251).unwrap())
        .collect()
}

fn options() -> WriteOptions {
    WriteOptions {
        chunk_bytes: 1024 * 1024,
        ..WriteOptions::default()
    }
}

#[tokio::test]
#[ignore = "needs seaweedfs (weed) and its venv"]
async fn a_bundle_goes_up_and_comes_back_whole_and_in_ranges() {
    let place = place("models/large.bundle");
    let content = large();
    let sources = Sources::new()
        .with_bytes("weights", content.clone())
        .with_bytes("labels", "a\nb\n");
    let written = place
        .encrypt(sources, &key(), &SystemRandom, &options())
        .await
        .unwrap();
    assert!(place.exists().await.unwrap());
    assert_eq!(
        inspect(&place.open().unwrap()).await.unwrap().digest,
        written.digest
    );

    let reader = Reader::open(place.open().unwrap(), &written.digest, &key())
        .await
        .unwrap();
    for range in [
        0..1,
        1_048_570..1_048_590,
        LARGE - 1..LARGE,
        5_000_000..25_000_000,
    ] {
        let wanted = range.start as u64..range.end as u64;
        assert!(reader.read_range("weights", wanted).await.unwrap() == content[range]);
    }
    reader.verify(Progress::none()).await.unwrap();
    let memory = reader.read_all_into_memory().await.unwrap();
    assert!(memory.file("weights").unwrap() == content);
    assert_eq!(memory.file("labels").unwrap(), "a\nb\n");

    // A small one goes up in one request, and is read in one.
    let small = place.join("small.bundle");
    let sources = Sources::new().with_bytes("a", "1");
    let summary = small
        .encrypt(sources, &key(), &SystemRandom, &options())
        .await
        .unwrap();
    let reader = Reader::open(small.open().unwrap(), &summary.digest, &key())
        .await
        .unwrap();
    assert_eq!(reader.read_file("a").await.unwrap(), "1");
}

#[tokio::test]
#[ignore = "needs seaweedfs (weed) and its venv"]
async fn objects_are_listed_copied_rewrapped_and_removed() {
    let folder = place("models");
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut sink = std::fs::File::create(file.path()).unwrap();
    let sources = Sources::new().with_bytes("weights", large());
    let written = strongroom_bundle::write(sources, &mut sink, &key(), &SystemRandom, &options()).unwrap();

    let place = folder.join("1/model.bundle");
    place.put_file(file.path()).await.unwrap();
    folder.join("2/model.bundle").put_file(file.path()).await.unwrap();
    let listed = folder.list().await.unwrap();
    let names: Vec<_> = listed
        .iter()
        .map(|object| (object.name.as_str(), object.bytes))
        .collect();
    assert_eq!(
        names,
        [
            ("1/model.bundle", written.stored_bytes),
            ("2/model.bundle", written.stored_bytes)
        ]
    );

    let new = ModelKey::init_with(|key| key.fill(2));
    let rewrapped = place.rewrap(&key(), &new, &SystemRandom).await.unwrap();
    assert_eq!(rewrapped.digest, written.digest);
    let reader = Reader::open(place.open().unwrap(), &written.digest, &new)
        .await
        .unwrap();
    reader.verify(Progress::none()).await.unwrap();
    let old = Reader::open(place.open().unwrap(), &written.digest, &key())
        .await
        .unwrap_err();
    assert_eq!(old.code(), "bundle.wrong_key");

    place.delete().await.unwrap();
    assert!(!place.exists().await.unwrap());
    assert_eq!(
        inspect(&place.open().unwrap()).await.unwrap_err().code(),
        "store.not_found"
    );
}

#[tokio::test]
#[ignore = "needs seaweedfs (weed) and its venv"]
async fn an_interrupted_upload_leaves_nothing_that_reads_as_a_bundle() {
    struct Fails(usize);
    impl Read for Fails {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(out.len())
                .ok_or_else(|| std::io::Error::other("the disk is gone"))?;
            Ok(out.len())
        }
    }
    // The source fails after some parts went up.
    let failed = place("failed.bundle");
    let sources = Sources::new().with_reader("weights", Fails(LARGE));
    let error = failed
        .encrypt(sources, &key(), &SystemRandom, &options())
        .await
        .unwrap_err();
    assert!(matches!(error, BundleError::Io { .. }), "{error}");

    // The caller goes away after some parts went up.
    let left = place("left.bundle");
    let (parts, mut up) = tokio::sync::mpsc::channel(1);
    let progress = Progress::new(move |done, _| {
        if done > 24 * 1024 * 1024 {
            let _ = parts.try_send(());
        }
    });
    let options = WriteOptions {
        progress,
        ..options()
    };
    let sources = Sources::new().with_reader("weights", Fails(usize::MAX));
    let (key, random) = (key(), SystemRandom);
    tokio::select! {
        outcome = left.encrypt(sources, &key, &random, &options) => panic!("it has no end: {outcome:?}"),
        _ = up.recv() => {}
    }

    for place in [failed, left] {
        assert!(!place.exists().await.unwrap());
        assert_eq!(
            inspect(&place.open().unwrap()).await.unwrap_err().code(),
            "store.not_found"
        );
    }
}

#[tokio::test]
#[ignore = "needs seaweedfs (weed) and its venv"]
async fn a_wrong_secret_is_refused_and_said_so_at_once() {
    let place = place_in(
        &environment(&[("AWS_SECRET_ACCESS_KEY", "not the secret")]),
        "a.bundle",
    );
    for error in [
        inspect(&place.open().unwrap()).await.unwrap_err(),
        place
            .encrypt(Sources::new(), &key(), &SystemRandom, &options())
            .await
            .unwrap_err(),
        place
            .encrypt(
                Sources::new().with_bytes("weights", large()),
                &key(),
                &SystemRandom,
                &options(),
            )
            .await
            .unwrap_err(),
        place.list().await.unwrap_err().into(),
    ] {
        assert_eq!(error.code(), "store.denied", "{error}");
        assert!(error.to_string().contains("SignatureDoesNotMatch"), "{error}");
    }
}

#[tokio::test]
#[ignore = "needs seaweedfs (weed) and its venv"]
async fn a_profile_gives_credentials_and_endpoint() {
    let process = Environment::of_process();
    let variable = |name: &str| {
        process
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not set"))
            .to_owned()
    };
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let credentials = format!(
        "[lab]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        variable("AWS_ACCESS_KEY_ID"),
        variable("AWS_SECRET_ACCESS_KEY")
    );
    std::fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
    let config = format!(
        "[profile lab]\nregion = us-east-1\nendpoint_url = {}\n",
        variable("STRONGROOM_TEST_S3_ENDPOINT")
    );
    std::fs::write(home.path().join(".aws/config"), config).unwrap();

    let environment: Environment = [
        ("HOME", home.path().to_str().unwrap().to_owned()),
        ("AWS_PROFILE", "lab".to_owned()),
        (
            "STRONGROOM_TEST_S3_ENDPOINT",
            variable("STRONGROOM_TEST_S3_ENDPOINT"),
        ),
        ("STRONGROOM_TEST_S3_BUCKET", variable("STRONGROOM_TEST_S3_BUCKET")),
    ]
    .into_iter()
    .collect();
    let place = place_in(&environment, "a.bundle");
    let sources = Sources::new().with_bytes("a", "1");
    let written = place
        .encrypt(sources, &key(), &SystemRandom, &options())
        .await
        .unwrap();
    let reader = Reader::open(place.open().unwrap(), &written.digest, &key())
        .await
        .unwrap();
    assert_eq!(reader.read_file("a").await.unwrap(), "1");
}

#[tokio::test]
#[ignore = "needs seaweedfs (weed) and its venv"]
async fn a_server_that_is_not_there_is_given_up_after_retries() {
    // Port 9 of this machine: refused at once, then retried with backoff.
    let environment = environment(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:9")]);
    let place = place_in(&environment, "a.bundle");
    let opened = place.open().unwrap();
    let asked = tokio::time::timeout(Duration::from_secs(120), inspect(&opened)).await;
    assert_eq!(
        asked.expect("retries have an end").unwrap_err().code(),
        "store.failed"
    );
}
