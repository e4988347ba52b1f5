//! Unencrypted models: a file, or a folder of version folders as TensorFlow Serving lays them out.

use std::collections::BTreeMap;

use strongroom_bundle::{BundleError, Location, MAGIC};

use super::files::ModelFiles;
use super::load::LoadError;
use super::policy::VersionPolicy;

/// A version that is there, whose files have not been read.
pub struct Candidate {
    /// Its number.
    pub version: i64,
    files: Vec<(String, Location)>,
}

/// Finds the versions at `base` that `policy` selects, oldest first. A single file is version 1.
///
/// # Errors
/// When there is none.
pub async fn find(base: &str, policy: &VersionPolicy) -> Result<Vec<Candidate>, LoadError> {
    let place = Location::parse(base).map_err(BundleError::from)?;
    if place.exists().await.map_err(BundleError::from)? {
        let name = base.rsplit('/').next().unwrap_or(base).to_owned();
        return Ok(vec![Candidate {
            version: 1,
            files: vec![(name, place)],
        }]);
    }
    let mut versions: BTreeMap<i64, Vec<(String, Location)>> = BTreeMap::new();
    for object in place.list().await.map_err(BundleError::from)? {
        if let Some((folder, name)) = object.name.split_once('/')
            && let Some(version) = version_number(folder)
        {
            versions
                .entry(version)
                .or_default()
                .push((name.to_owned(), object.location));
        }
    }
    let selected = policy.select(versions.keys().copied());
    if selected.is_empty() {
        return Err(LoadError::NoVersion {
            base: base.to_owned(),
        });
    }
    versions.retain(|version, _| selected.contains(version));
    let candidates = versions.into_iter();
    Ok(candidates
        .map(|(version, files)| Candidate { version, files })
        .collect())
}

/// Reads the files of a version.
///
/// # Errors
/// When they cannot be read, are too large, or are an encrypted bundle, whose digest must be given.
pub async fn read(candidate: &Candidate) -> Result<ModelFiles, LoadError> {
    let mut files = Vec::new();
    let mut left = BYTES_MAX;
    for (name, location) in &candidate.files {
        let file = read_file(location, left).await?;
        left -= file.len() as u64;
        files.push((name.clone(), file));
    }
    Ok(files.into_iter().collect())
}

async fn read_file(location: &Location, bytes_max: u64) -> Result<Vec<u8>, LoadError> {
    let head = location.open().map_err(BundleError::from)?;
    let (_, size) = head.tail(1).await.map_err(BundleError::from)?;
    if size >= MAGIC.len() as u64 {
        let magic = head
            .read(0..MAGIC.len() as u64)
            .await
            .map_err(BundleError::from)?;
        if *magic == MAGIC {
            return Err(LoadError::DigestRequired);
        }
    }
    Ok(location
        .read_small(bytes_max)
        .await
        .map_err(BundleError::from)?
        .into())
}

// Leading zeros are usual; a sign is not.
fn version_number(folder: &str) -> Option<i64> {
    folder
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| folder.parse().ok())?
}

/// Bytes that all files of a model may have together.
const BYTES_MAX: u64 = 64 << 30;
