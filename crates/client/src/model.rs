//! What a model owner does with keys and bundles.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
pub use strongroom_bundle::Progress;
use strongroom_bundle::{
    BundleDigest, BundleSummary, Inspection, Location, Reader, Rewrapped, Sources, WriteOptions,
};
use strongroom_crypto::random::Random;
use strongroom_crypto::secret::KeyId;
pub use strongroom_crypto::secret::ModelKey;

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

/// What is encrypted, and where to.
#[derive(Debug, Clone, Copy)]
pub struct Encryption<'a> {
    /// The model: a file, or a folder with all below it.
    pub source: &'a Path,
    /// JSON with inputs and the outputs they must give, with which whoever loads the model can check it.
    pub reference: Option<&'a Path>,
    /// The file that the key came from, where it came from one: it is never written over.
    pub key_file: Option<&'a Path>,
    /// A path or a store's URL.
    pub destination: &'a str,
    /// Whether what is there already may be replaced. What is read here never is.
    pub existing: Existing,
}

/// Encrypts a model.
///
/// # Errors
/// [`Error::Input`] where the destination is one of the files that are read; [`Error::Exists`]; [`Error::Bundle`],
/// [`Error::File`].
pub async fn encrypt(
    what: &Encryption<'_>,
    key: &ModelKey,
    random: &dyn Random,
    progress: Progress,
) -> Result<BundleSummary, Error> {
    let destination = place(what.destination)?;
    spare_inputs(&destination, what)?;
    if what.existing == Existing::Keep {
        refuse_existing(&destination).await?;
    }
    let mut sources = Sources::from_path(what.source)?;
    if let Some(reference) = what.reference {
        sources = sources.with_reference(files::read(reference)?)?;
    }
    let options = WriteOptions {
        progress,
        ..WriteOptions::default()
    };
    Ok(destination.encrypt(sources, key, random, &options).await?)
}

/// Refuses a destination that is, or lies in, what is encrypted, or is the reference or the key.
fn spare_inputs(destination: &Location, what: &Encryption<'_>) -> Result<(), Error> {
    let Some(path) = destination.local_path() else {
        return Ok(());
    };
    let inputs = [
        ("the model", Some(what.source)),
        ("the reference", what.reference),
        ("the key", what.key_file),
    ];
    for (role, input) in inputs {
        if input.is_some_and(|input| is_or_lies_in(path, input)) {
            let name = format!("destination {}", path.display());
            return Err(Error::input(
                name,
                format!("{role} would be overwritten: choose another"),
            ));
        }
    }
    Ok(())
}

/// Whether `path` is there and is `input` or lies in it, by whatever names: links are followed.
fn is_or_lies_in(path: &Path, input: &Path) -> bool {
    let (Ok(found), Ok(expected)) = (std::fs::metadata(path), std::fs::metadata(input)) else {
        return false;
    };
    if (found.dev(), found.ino()) == (expected.dev(), expected.ino()) {
        return true;
    }
    match (path.canonicalize(), input.canonicalize()) {
        (Ok(path), Ok(input)) => path.starts_with(input),
        _ => false,
    }
}

async fn refuse_existing(destination: &Location) -> Result<(), Error> {
    let there = match destination.local_path() {
        // Whatever it is: a folder, or a link that leads nowhere, too.
        Some(path) => path.symlink_metadata().is_ok(),
        None => destination
            .exists()
            .await
            .map_err(strongroom_bundle::BundleError::from)?,
    };
    if there {
        Err(Error::Exists(PathBuf::from(destination.to_string())))
    } else {
        Ok(())
    }
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

/// Copies a bundle's ciphertext as it lies from one place to another; returns its length in bytes. Only a bundle is
/// copied: a model that was never encrypted goes nowhere. Its chunks are not verified, which would need the key.
///
/// # Errors
/// [`Error::Bundle`], also where it is none; [`Error::File`].
pub async fn copy(from: &str, to: &str) -> Result<u64, Error> {
    let source = open(from)?;
    let destination = place(to)?;
    strongroom_bundle::inspect(source.as_ref()).await?;
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
        let what = Encryption {
            source: &path("model"),
            reference: None,
            key_file: Some(&path("key")),
            destination: &url,
            existing: Existing::Keep,
        };
        let made = encrypt(&what, &key, &SystemRandom, Progress::none())
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

    #[tokio::test]
    async fn encrypting_writes_over_nothing_unasked_and_never_over_what_it_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let key = load_key_of(&[7; 32]);
        std::fs::create_dir(path("model")).unwrap();
        std::fs::write(path("model/weights"), b"precious").unwrap();
        std::fs::write(path("reference.json"), br#"{"inputs": {}, "outputs": {}}"#).unwrap();
        std::fs::write(path("key"), key.expose()).unwrap();
        std::fs::write(path("taken"), b"somebody's").unwrap();
        std::os::unix::fs::symlink(path("key"), path("link")).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("dangling")).unwrap();
        let (reference, key_file) = (path("reference.json"), path("key"));
        let to = async |source: &str, name: &str, existing| {
            let what = Encryption {
                source: &path(source),
                reference: Some(&reference),
                key_file: Some(&key_file),
                destination: &format!("file://{}", path(name).display()),
                existing,
            };
            encrypt(&what, &key, &SystemRandom, Progress::none())
                .await
                .map_err(|error| error.code().to_owned())
        };
        for (source, name) in [
            ("model", "model"),
            ("model", "model/weights"),
            ("model/weights", "model/weights"),
            ("model", "reference.json"),
            ("model", "key"),
            ("model", "link"),
        ] {
            for existing in [Existing::Keep, Existing::Replace] {
                let refused = to(source, name, existing).await.unwrap_err();
                assert_eq!(refused, "input.invalid", "{source} to {name}");
            }
        }
        assert_eq!(std::fs::read(path("model/weights")).unwrap(), b"precious");
        assert_eq!(std::fs::read(path("key")).unwrap(), key.expose());

        for name in ["taken", "dangling"] {
            let refused = to("model", name, Existing::Keep).await.unwrap_err();
            assert_eq!(refused, "file.exists", "{name}");
        }
        assert_eq!(std::fs::read(path("taken")).unwrap(), b"somebody's");
        to("model", "taken", Existing::Replace).await.unwrap();
        to("model", "fresh", Existing::Keep).await.unwrap();
    }

    #[tokio::test]
    async fn an_object_that_is_there_is_seen_in_a_store() {
        let store = std::sync::Arc::new(object_store::memory::InMemory::new());
        let object = Location::in_store(store, "digits", "s3://bucket/digits").unwrap();
        refuse_existing(&object).await.unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        object.put_file(file.path()).await.unwrap();
        let refused = refuse_existing(&object).await.unwrap_err();
        assert_eq!(refused.code(), "file.exists");
        assert_eq!(refused.to_string(), "s3://bucket/digits is there already");
        assert!(refused.hint().unwrap().contains("--force"));
    }

    #[tokio::test]
    async fn only_a_bundle_is_copied_and_a_damaged_one_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("model"), vec![7; 300_000]).unwrap();
        std::fs::write(path("small"), b"precious").unwrap();
        std::fs::write(path("empty"), b"").unwrap();
        for plain in ["model", "small", "empty"] {
            let refused = copy(&path(plain), &path("copy")).await.unwrap_err();
            assert_eq!(refused.code(), "bundle.not_a_bundle", "{plain}");
            assert!(!Path::new(&path("copy")).exists(), "{plain}");
        }

        let model = path("model");
        let what = Encryption {
            source: Path::new(&model),
            reference: None,
            key_file: None,
            destination: &path("bundle"),
            existing: Existing::Keep,
        };
        encrypt(&what, &load_key_of(&[7; 32]), &SystemRandom, Progress::none())
            .await
            .unwrap();
        let mut bytes = std::fs::read(path("bundle")).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path("flipped"), &bytes).unwrap();
        copy(&path("flipped"), &path("copy")).await.unwrap();
        assert_eq!(std::fs::read(path("copy")).unwrap(), bytes);
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
