//! Another implementation, in another language, written from the format document alone, reads what this one writes
//! and refuses what this one refuses.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use strongroom_bundle::{BundleDigest, write};

use crate::support::{Seeded, bundle, files, key, noise, options, sources};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(digest: &str, key: &[u8], bundle: &[u8], arguments: &[&str]) -> Output {
    let venv = std::env::var_os("STRONGROOM_CI_VENV")
        .expect("STRONGROOM_CI_VENV names the environment of .ci/install");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), key).unwrap();
    std::fs::write(folder.path().join("bundle"), bundle).unwrap();
    Command::new(Path::new(&venv).join("bin/python"))
        .arg(root().join("tests/bundle-reader/read_bundle.py"))
        .arg(digest)
        .arg(folder.path().join("key"))
        .arg(folder.path().join("bundle"))
        .args(arguments)
        .output()
        .unwrap()
}

fn listed(output: &Output) -> Value {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
#[ignore = "needs python with cryptography"]
fn it_reads_the_known_answers() {
    let folder = root().join("crates/bundle/testdata");
    let list: Value = serde_json::from_slice(&std::fs::read(folder.join("vectors.json")).unwrap()).unwrap();
    for vector in list["vectors"].as_array().unwrap() {
        let text = |field: &str| vector[field].as_str().unwrap();
        let bundle = std::fs::read(folder.join(text("bundle"))).unwrap();
        let key = hex::decode(text("model_key")).unwrap();
        assert_eq!(
            listed(&read(text("digest"), &key, &bundle, &[])),
            vector["files"],
            "{}",
            text("bundle")
        );
    }
}

#[test]
#[ignore = "needs python with cryptography"]
fn it_reads_what_is_written_now_whole_and_in_ranges() {
    let mut bytes = Vec::new();
    let files = files(&[("a", 300_000), ("b/c", 70_000), ("d", 0)]);
    let options = strongroom_bundle::WriteOptions {
        chunk_bytes: 65_536,
        ..options(2)
    };
    let summary = write(sources(&files), &mut bytes, &key(1), &Seeded::new(9), &options).unwrap();
    let digest = summary.digest.to_string();
    let range = read(
        &digest,
        &[1; 32],
        &bytes,
        &["--file", "b/c", "--range", "100:69000"],
    );
    assert!(
        range.stdout == noise(1, 70_000)[100..69_000],
        "{}",
        String::from_utf8_lossy(&range.stderr)
    );

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    listed(&read(
        &digest,
        &[1; 32],
        &bytes,
        &["--extract", out.to_str().unwrap()],
    ));
    for (name, content) in &files {
        assert!(std::fs::read(out.join(name)).unwrap() == *content, "{name}");
    }
}

#[test]
#[ignore = "needs python with cryptography"]
fn it_refuses_what_is_refused_here() {
    let good = || bundle(&files(&[("model.onnx", 9000), ("labels.txt", 5000)]), 1);
    let code = |change: &dyn Fn(&mut Vec<u8>, &mut BundleDigest), key: u8| {
        let (mut bytes, mut digest) = good();
        change(&mut bytes, &mut digest);
        let output = read(&digest.to_string(), &[key; 32], &bytes, &[]);
        let error = String::from_utf8(output.stderr).unwrap();
        error.split(": ").next().unwrap_or_default().to_owned()
    };
    assert_eq!(code(&|_, _| {}, 1), "");
    assert_eq!(code(&|_, _| {}, 2), "bundle.wrong_key");
    assert_eq!(code(&|bytes, _| bytes[600] ^= 1, 1), "bundle.chunk_corrupt");
    assert_eq!(code(&|bytes, _| bytes[24] ^= 1, 1), "bundle.digest_mismatch");
    assert_eq!(code(&|bytes, _| bytes[200] ^= 1, 1), "bundle.wrap_corrupt");
    assert_eq!(code(&|bytes, _| bytes[11] = 0, 1), "bundle.version");
    assert_eq!(code(&|bytes, _| bytes.truncate(9000), 1), "bundle.truncated");
    assert_eq!(code(&|_, digest| digest.0.0[0] ^= 1, 1), "bundle.digest_mismatch");
}
