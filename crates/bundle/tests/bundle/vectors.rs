//! Known answers: the checked-in bundles are what the writer writes from the same randomness, to the byte, and read
//! back. `tests/bundle-reader` reads the same files with another implementation. `STRONGROOM_BLESS=1` writes them.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::{Value, json};
use strongroom_bundle::{BundleDigest, Location, Sources, inspect, write};
use strongroom_crypto::digest::sha256;

use crate::support::{Files, Seeded, files, key, options, read_all};

const REFERENCE: &str = r#"{"inputs":[],"outputs":[]}"#;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

struct Vector {
    name: &'static str,
    files: Files,
    key: u8,
    rewrapped: Option<u8>,
}

fn vectors() -> Vec<Vector> {
    let vector = |name, list: &[(&str, usize)]| Vector {
        name,
        files: files(list),
        key: 1,
        rewrapped: None,
    };
    vec![
        vector("empty", &[]),
        vector("one-byte", &[("a", 1)]),
        vector(
            "several",
            &[
                ("model.onnx", 9000),
                ("labels.txt", 5000),
                ("variables/ä", 0),
                ("variables/b", 129),
            ],
        ),
        vector("reference", &[("model.onnx", 4096)]),
        Vector {
            key: 2,
            rewrapped: Some(3),
            ..vector("rewrapped", &[("model.onnx", 100)])
        },
    ]
}

async fn made(vector: &Vector) -> (Vec<u8>, BundleDigest) {
    let mut sources = vector.files.iter().fold(Sources::new(), |s, (name, bytes)| {
        s.with_bytes(name, bytes.clone())
    });
    if vector.name == "reference" {
        sources = sources.with_reference(REFERENCE).unwrap();
    }
    let mut bytes = Vec::new();
    let random = Seeded::new(42);
    let summary = write(sources, &mut bytes, &key(vector.key), &random, &options(2)).unwrap();
    if let Some(new) = vector.rewrapped {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, &bytes).unwrap();
        Location::from_path(&path)
            .rewrap(&key(vector.key), &key(new), &random)
            .await
            .unwrap();
        bytes = std::fs::read(&path).unwrap();
    }
    (bytes, summary.digest)
}

fn contents(vector: &Vector) -> Files {
    let mut files = vector.files.clone();
    if vector.name == "reference" {
        files.insert(strongroom_bundle::REFERENCE_NAME.to_owned(), REFERENCE.into());
    }
    files
}

fn described(vector: &Vector, bytes: &[u8], digest: BundleDigest) -> Value {
    let files = contents(vector);
    let files: Vec<_> = files
        .iter()
        .map(
            |(name, bytes)| json!({"name": name, "length": bytes.len(), "sha256": sha256(bytes).to_string()}),
        )
        .collect();
    json!({
        "bundle": format!("{}.bundle", vector.name),
        "bundle_sha256": sha256(bytes).to_string(),
        "model_key": hex::encode([vector.rewrapped.unwrap_or(vector.key); 32]),
        "digest": digest.to_string(),
        "files": files,
    })
}

#[tokio::test]
async fn the_writer_writes_what_is_checked_in() {
    let mut list = Vec::new();
    let bless = std::env::var_os("STRONGROOM_BLESS").is_some();
    for vector in vectors() {
        let (bytes, digest) = made(&vector).await;
        let path = folder().join(format!("{}.bundle", vector.name));
        if bless {
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == bytes, "{} differs", vector.name);
        list.push(described(&vector, &bytes, digest));
    }
    let list = json!({"format": "strongroom.bundle-vectors.v1", "vectors": list});
    let path = folder().join("vectors.json");
    if bless {
        std::fs::write(&path, serde_json::to_string_pretty(&list).unwrap() + "\n").unwrap();
    }
    assert_eq!(
        serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()).unwrap(),
        list
    );
}

#[tokio::test]
async fn the_reader_reads_what_is_checked_in() {
    let list: Value = serde_json::from_slice(&std::fs::read(folder().join("vectors.json")).unwrap()).unwrap();
    for (vector, listed) in vectors().iter().zip(list["vectors"].as_array().unwrap()) {
        let bytes = Bytes::from(std::fs::read(folder().join(listed["bundle"].as_str().unwrap())).unwrap());
        let digest: BundleDigest = listed["digest"].as_str().unwrap().parse().unwrap();
        assert_eq!(inspect(&bytes).await.unwrap().digest, digest);
        let key = key(vector.rewrapped.unwrap_or(vector.key));
        assert_eq!(read_all(bytes, &digest, &key).await.unwrap(), contents(vector));
    }
}
