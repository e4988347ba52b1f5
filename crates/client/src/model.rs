//! What a model owner does with keys and bundles.

use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
pub use strongroom_bundle::Progress;
use strongroom_bundle::{
    BundleDigest, BundleSummary, Inspection, Location, Reader, Rewrapped, Sources, WriteOptions,
};
use strongroom_crypto::random::Random;
use strongroom_crypto::secret::{KeyId, ModelKey};

use crate::error::Error;
use crate::files::{self, Existing, Visibility};

/// Bytes copied at once.
const COPY_BYTES: u64 = 8 * 1024 * 1024;

/// Makes a new model key in a file of 32 raw bytes, for its owner alone (0600).
///
/// # Errors
/// [`Error::Exists`], [`Error::File`].
pub fn new_key(path: &Path, existing: Existing, random: &dyn Random) -> Result<KeyId, Error> {
    let key = ModelKey::generate(random);
    files::write(path, key.expose(), Visibility::Secret, existing)?;
    Ok(key.id())
}

/// Reads a model key from a file of 32 raw bytes.
///
/// # Errors
/// [`Error::File`]; [`Error::Input`] for any other length.
pub fn load_key(path: &Path) -> Result<ModelKey, Error> {
    let bytes = files::read_secret(path)?;
    ModelKey::from_slice(bytes.expose()).map_err(|error| Error::input(path.display().to_string(), error))
}

/// Encrypts a file, or a folder with all below it, to a place: a path or a store's URL. With `reference` (JSON: inputs
/// and the outputs they must give) whoever loads the model can check it.
///
/// # Errors
/// [`Error::Bundle`], [`Error::File`].
pub async fn encrypt(
    source: &Path,
    destination: &str,
    key: &ModelKey,
    reference: Option<&Path>,
    random: &dyn Random,
    progress: Progress,
) -> Result<BundleSummary, Error> {
    let mut sources = Sources::from_path(source)?;
    if let Some(reference) = reference {
        sources = sources.with_reference(files::read(reference)?)?;
    }
    let options = WriteOptions {
        progress,
        ..WriteOptions::default()
    };
    Ok(place(destination)?
        .encrypt(sources, key, random, &options)
        .await?)
}

/// What anybody can see of a bundle, who has no key.
///
/// # Errors
/// [`Error::Bundle`].
pub async fn inspect(url: &str) -> Result<Inspection, Error> {
    let store = open(url)?;
    Ok(strongroom_bundle::inspect(store.as_ref()).await?)
}

/// A bundle that was read and verified to the last byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedBundle {
    /// Its digest.
    pub digest: BundleDigest,
    /// Name and length in bytes of each file.
    pub files: Vec<(String, u64)>,
}

/// Reads and verifies every byte of the bundle with this digest.
///
/// # Errors
/// [`Error::Bundle`].
pub async fn verify(
    url: &str,
    key: &ModelKey,
    digest: &BundleDigest,
    progress: Progress,
) -> Result<VerifiedBundle, Error> {
    let reader = Reader::open(open(url)?, digest, key).await?;
    reader.verify(progress).await?;
    let files = reader
        .files()
        .iter()
        .map(|file| (file.name().to_owned(), file.length()))
        .collect();
    Ok(VerifiedBundle {
        digest: *digest,
        files,
    })
}

/// Decrypts the bundle with this digest into a new folder, for its owner alone.
///
/// # Errors
/// [`Error::Bundle`], also where the folder is there already.
pub async fn decrypt(
    url: &str,
    folder: &Path,
    key: &ModelKey,
    digest: &BundleDigest,
    progress: Progress,
) -> Result<(), Error> {
    let reader = Reader::open(open(url)?, digest, key).await?;
    Ok(reader.decrypt_to_dir(folder, progress).await?)
}

/// Changes the key that opens a bundle; its digest stays. It takes nothing back from a holder of the old key and an
/// old copy.
///
/// # Errors
/// [`Error::Bundle`].
pub async fn rewrap(
    url: &str,
    old: &ModelKey,
    new: &ModelKey,
    random: &dyn Random,
) -> Result<Rewrapped, Error> {
    Ok(place(url)?.rewrap(old, new, random).await?)
}

/// Copies a bundle's ciphertext as it lies from one place to another; returns its length in bytes.
///
/// # Errors
/// [`Error::Bundle`], [`Error::File`].
pub async fn copy(from: &str, to: &str) -> Result<u64, Error> {
    let source = open(from)?;
    let destination = place(to)?;
    let write = |source| Error::File {
        action: "write",
        path: std::env::temp_dir(),
        source,
    };
    let mut spool = tempfile::NamedTempFile::new().map_err(write)?;
    // One byte and not none: a store has no range of no bytes to answer with.
    let (_, length) = source
        .tail(1)
        .await
        .map_err(strongroom_bundle::BundleError::from)?;
    let mut done = 0;
    while done < length {
        let end = length.min(done + COPY_BYTES);
        let bytes = source
            .read(done..end)
            .await
            .map_err(strongroom_bundle::BundleError::from)?;
        spool.write_all(&bytes).map_err(write)?;
        done = end;
    }
    spool.flush().map_err(write)?;
    destination
        .put_file(spool.path())
        .await
        .map_err(strongroom_bundle::BundleError::from)?;
    Ok(length)
}

fn place(url: &str) -> Result<Location, Error> {
    Location::parse(url).map_err(|error| strongroom_bundle::BundleError::from(error).into())
}

fn open(url: &str) -> Result<std::sync::Arc<dyn strongroom_bundle::RandomAccess>, Error> {
    place(url)?
        .open()
        .map_err(|error| strongroom_bundle::BundleError::from(error).into())
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::random::SystemRandom;

    use super::*;

    #[tokio::test]
    async fn a_model_goes_round() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let key_id = new_key(&path("key"), Existing::Keep, &SystemRandom).unwrap();
        assert!(new_key(&path("key"), Existing::Keep, &SystemRandom).is_err());
        let key = load_key(&path("key")).unwrap();
        assert_eq!(key.id(), key_id);
        std::fs::create_dir(path("model")).unwrap();
        std::fs::write(path("model/weights"), b"precious").unwrap();

        let url = path("model.bundle").display().to_string();
        let made = encrypt(&path("model"), &url, &key, None, &SystemRandom, Progress::none())
            .await
            .unwrap();
        assert_eq!(inspect(&url).await.unwrap().digest, made.digest);
        let verified = verify(&url, &key, &made.digest, Progress::none()).await.unwrap();
        assert_eq!(verified.files, [("weights".to_owned(), 8)]);

        let copied = path("copy.bundle").display().to_string();
        copy(&url, &copied).await.unwrap();
        assert_eq!(std::fs::read(&url).unwrap(), std::fs::read(&copied).unwrap());

        let other = load_key_of(&[9; 32]);
        rewrap(&copied, &key, &other, &SystemRandom).await.unwrap();
        decrypt(&copied, &path("out"), &other, &made.digest, Progress::none())
            .await
            .unwrap();
        assert_eq!(std::fs::read(path("out/weights")).unwrap(), b"precious");

        let refused = verify(&url, &other, &made.digest, Progress::none())
            .await
            .unwrap_err();
        assert_eq!(refused.code(), "bundle.wrong_key");
        let another = BundleDigest(strongroom_crypto::digest::sha256(b"another"));
        let refused = verify(&url, &key, &another, Progress::none()).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.kind()),
            ("bundle.digest_mismatch", crate::Kind::Unverified)
        );
        assert!(refused.hint().is_some());
    }

    fn load_key_of(bytes: &[u8]) -> ModelKey {
        ModelKey::from_slice(bytes).unwrap()
    }

    #[test]
    fn a_key_file_of_another_length_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, [1; 31]).unwrap();
        let error = load_key(&path).unwrap_err();
        assert_eq!(error.code(), "input.invalid");
        assert!(error.to_string().contains("32 bytes"), "{error}");
    }
}
