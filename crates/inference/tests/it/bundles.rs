//! Encrypted models: served when digest, key and reference are right, refused when one is not.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use http::StatusCode;
use strongroom_bundle::{BundleDigest, Location, Sources, WriteOptions};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::secret::ModelKey;

use crate::support::{as_rows, get, model, post, start, try_start};

/// A folder with bundles and keys.
pub(crate) struct Vault {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) key: ModelKey,
}

impl Vault {
    pub(crate) fn new() -> Self {
        let vault = Self {
            folder: tempfile::tempdir().expect("temporary folder"),
            key: ModelKey::generate(&SystemRandom),
        };
        fs::create_dir(vault.keys()).expect("a folder");
        vault.put_key(0o600);
        vault
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.keys().join(self.key.id().to_string())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put_key(&self, mode: u32) {
        fs::write(self.key_file(), self.key.expose()).expect("write");
        fs::set_permissions(self.key_file(), Permissions::from_mode(mode)).expect("mode");
    }

    /// Encrypts one of the models, with the reference of the newer one.
    pub(crate) async fn encrypt(&self, file: &str, name: &str) -> BundleDigest {
        let reference = fs::read(model("reference.json")).expect("a reference");
        let sources = Sources::from_path(&model(file))
            .expect("a model")
            .with_reference(reference);
        let place = Location::from_path(self.path(name));
        let sources = sources.expect("a reference of allowed size");
        let written = place
            .encrypt(sources, &self.key, &SystemRandom, &WriteOptions::default())
            .await;
        written.expect("a bundle").digest
    }

    /// The same without a reference.
    pub(crate) async fn encrypt_unchecked(&self, file: &str, name: &str) -> BundleDigest {
        let sources = Sources::from_path(&model(file)).expect("a model");
        let place = Location::from_path(self.path(name));
        let written = place
            .encrypt(sources, &self.key, &SystemRandom, &WriteOptions::default())
            .await;
        written.expect("a bundle").digest
    }

    pub(crate) fn flags(&self, base: &str, digests: &[BundleDigest]) -> Vec<String> {
        let mut flags = vec![
            "--model_name=digits".to_owned(),
            format!("--model_base_path={}", self.path(base).display()),
            format!("--model_keys_dir={}", self.keys().display()),
        ];
        flags.extend(
            digests
                .iter()
                .map(|digest| format!("--model_bundle_digest=digits={}", digest.0)),
        );
        flags
    }
}

async fn code(flags: &[String]) -> &'static str {
    match try_start(flags).await {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

fn flip_bit(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("read");
    bytes[at] ^= 1;
    fs::write(path, bytes).expect("write");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serves_an_encrypted_model() {
    let vault = Vault::new();
    let digest = vault.encrypt("onnx/model.onnx", "digits.bundle").await;
    let server = start(&vault.flags("digits.bundle", &[digest])).await;
    let body = serde_json::json!({"instances": [as_rows(&vec![0.0; 64])]}).to_string();
    let answer = post(server.addresses.rest_addr, "/v1/models/digits:predict", body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let metrics = get(server.addresses.health_addr, "/monitoring/prometheus/metrics").await;
    for phase in [
        "key_released",
        "first_byte_decrypted",
        "model_loaded",
        "first_prediction",
    ] {
        assert!(
            metrics.text().contains(&format!("phase=\"{phase}\"}} ")),
            "{phase}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refuses_what_it_should() {
    let vault = Vault::new();
    let digest = vault.encrypt("onnx/model.onnx", "digits.bundle").await;
    let older = vault.encrypt_unchecked("older/model.onnx", "older.bundle").await;
    assert_eq!(code(&vault.flags("digits.bundle", &[digest])).await, "ok");
    // An older genuine bundle under the same key.
    assert_eq!(
        code(&vault.flags("older.bundle", &[digest])).await,
        "bundle.digest_mismatch"
    );
    assert_eq!(code(&vault.flags("older.bundle", &[older])).await, "ok");
    assert_eq!(
        code(&vault.flags("digits.bundle", &[])).await,
        "bundle.digest_required"
    );
    assert_eq!(
        code(&vault.flags("nowhere.bundle", &[digest])).await,
        "store.not_found"
    );

    vault.put_key(0o644);
    assert_eq!(
        code(&vault.flags("digits.bundle", &[digest])).await,
        "model.key_mode"
    );
    fs::remove_file(vault.key_file()).expect("remove");
    assert_eq!(
        code(&vault.flags("digits.bundle", &[digest])).await,
        "model.key_missing"
    );
    vault.put_key(0o600);

    flip_bit(&vault.path("digits.bundle"), 4096);
    assert_eq!(
        code(&vault.flags("digits.bundle", &[digest])).await,
        "bundle.chunk_corrupt"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_misses_its_reference_is_not_served() {
    let vault = Vault::new();
    let digest = vault.encrypt("older/model.onnx", "digits.bundle").await;
    assert_eq!(
        code(&vault.flags("digits.bundle", &[digest])).await,
        "model.reference_mismatch"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_digests_are_several_versions_and_the_newest_answers() {
    let vault = Vault::new();
    fs::create_dir(vault.path("store")).expect("a folder");
    let older = vault
        .encrypt_unchecked("older/model.onnx", "store/a.bundle")
        .await;
    let newer = vault.encrypt("onnx/model.onnx", "store/b.bundle").await;
    let server = start(&vault.flags("store", &[older, newer])).await;
    let rest = server.addresses.rest_addr;
    let status = get(rest, "/v1/models/digits").await.json();
    let versions: Vec<_> = status["model_version_status"]
        .as_array()
        .expect("versions")
        .iter()
        .map(|version| version["version"].as_str().expect("a number").to_owned())
        .collect();
    assert_eq!(versions, ["2", "1"]);
    // Image 12 is a 9 that the older version reads as 7.
    let (images, _) = crate::support::held_back();
    let body = serde_json::json!({"instances": [as_rows(&images[12])]}).to_string();
    for (path, digit) in [
        ("/v1/models/digits:predict", 9),
        ("/v1/models/digits/versions/2:predict", 9),
        ("/v1/models/digits/versions/1:predict", 7),
    ] {
        let answer = post(rest, path, body.clone()).await.json();
        assert_eq!(answer["predictions"][0]["digit"], digit, "{path}");
    }
    // What is in the store and not allowed is not there.
    let server = start(&vault.flags("store", &[newer])).await;
    let status = get(server.addresses.rest_addr, "/v1/models/digits").await.json();
    assert_eq!(status["model_version_status"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        code(&vault.flags("store", &[BundleDigest(strongroom_crypto::Digest32([1; 32]))])).await,
        "bundle.digest_mismatch"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_models_lie_in_folders_of_versions() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let put = |version: &str, file: &str| {
        fs::create_dir_all(folder.path().join(version)).expect("a folder");
        fs::copy(model(file), folder.path().join(version).join("model.onnx")).expect("copy");
    };
    let flags = [
        "--model_name=digits".to_owned(),
        format!("--model_base_path={}", folder.path().display()),
    ];
    put("notes", "onnx/model.onnx");
    assert_eq!(code(&flags).await, "model.no_version");
    put("00000002", "older/model.onnx");
    put("00000003", "onnx/model.onnx");
    let server = start(&flags).await;
    let status = get(server.addresses.rest_addr, "/v1/models/digits").await.json();
    assert_eq!(status["model_version_status"][0]["version"], "3");
    put("4", "README.md");
    assert_eq!(code(&flags).await, "model.malformed");
}
