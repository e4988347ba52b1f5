//! Encrypted models: which bundle of a store is which version, and its files, decrypted in memory.
//!
//! What the store lists says only what is there. Which of it may be served is fixed by digests before it is read, and
//! each is opened by its digest.

use std::collections::BTreeMap;

use strongroom_bundle::{BundleDigest, BundleError, Location, RESERVED_PREFIX, Reader, inspect};
use strongroom_crypto::secret::{KeyId, ModelKey};

use super::files::ModelFiles;
use super::keys::{KeyError, KeyFolder};
use super::load::LoadError;

/// A bundle in the store whose digest is allowed.
#[derive(Debug)]
pub struct Candidate {
    /// Position of its digest in the list of those allowed, from 1.
    pub version: i64,
    /// The digest under which it will be opened.
    pub digest: BundleDigest,
    location: Location,
    /// Keys that the bundle names; untrusted.
    key_ids: Vec<KeyId>,
}

/// Finds the allowed bundles of a store: one object, or all `*.bundle` below a prefix.
///
/// # Errors
/// When the store cannot be read or holds none of them.
pub async fn find(store: &str, digests: &[BundleDigest]) -> Result<Vec<Candidate>, LoadError> {
    let place = Location::parse(store).map_err(BundleError::from)?;
    if place.exists().await.map_err(BundleError::from)? {
        return Ok(vec![identify(place, digests).await?]);
    }
    let mut found = BTreeMap::new();
    let mut refused = None;
    for object in place.list().await.map_err(BundleError::from)? {
        if !object.name.ends_with(BUNDLE_SUFFIX) {
            continue;
        }
        match identify(object.location, digests).await {
            Ok(candidate) => drop(found.insert(candidate.version, candidate)),
            Err(error) => {
                tracing::warn!(code = error.code(), object = object.name, %error, "bundle is passed over");
                refused = Some(error);
            }
        }
    }
    if found.is_empty() {
        return Err(refused.unwrap_or_else(|| LoadError::NoVersion {
            base: store.to_owned(),
        }));
    }
    Ok(found.into_values().collect())
}

/// The key for a bundle: the one that must open it, else the first of those it names that is there.
///
/// # Errors
/// When there is none.
pub fn key(
    candidate: &Candidate,
    key_id: Option<KeyId>,
    keys: Option<&KeyFolder>,
) -> Result<ModelKey, LoadError> {
    let keys = keys.ok_or(KeyError::NoFolder)?;
    match key_id {
        Some(id) => Ok(keys.first_of(&[id])?),
        None => Ok(keys.first_of(&candidate.key_ids)?),
    }
}

/// What came out of a bundle.
#[derive(Debug)]
pub struct Opened {
    /// The model's files.
    pub files: ModelFiles,
    /// Its reference inputs and outputs, where the owner gave some.
    pub reference: Option<Vec<u8>>,
}

/// Opens a bundle by its digest and decrypts all of it into memory. `on_first_byte` is called once its digest, key and
/// file table are verified.
///
/// # Errors
/// When the bundle, the key or the store is not as it must be.
pub async fn open(
    candidate: &Candidate,
    key: &ModelKey,
    on_first_byte: impl FnOnce(),
) -> Result<Opened, LoadError> {
    let store = candidate.location.open().map_err(BundleError::from)?;
    let reader = Reader::open(store, &candidate.digest, key).await?;
    on_first_byte();
    let reference = reader.reference().await?.map(Vec::from);
    let mut files = Vec::new();
    for entry in reader.files() {
        if !entry.name().starts_with(RESERVED_PREFIX) {
            files.push((
                entry.name().to_owned(),
                reader.read_file(entry.name()).await?.into(),
            ));
        }
    }
    Ok(Opened {
        files: files.into_iter().collect(),
        reference,
    })
}

async fn identify(location: Location, digests: &[BundleDigest]) -> Result<Candidate, LoadError> {
    let store = location.open().map_err(BundleError::from)?;
    let seen = inspect(&store).await?;
    let position = digests.iter().position(|digest| *digest == seen.digest);
    let Some(position) = position else {
        let expected = *digests.last().ok_or(LoadError::DigestRequired)?;
        return Err(BundleError::DigestMismatch {
            expected,
            found: seen.digest,
        }
        .into());
    };
    Ok(Candidate {
        version: version_of(position),
        digest: seen.digest,
        location,
        key_ids: seen.key_ids,
    })
}

fn version_of(position: usize) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX).saturating_add(1)
}

const BUNDLE_SUFFIX: &str = ".bundle";
