//! Manifests as their authors handle them: check, digest.

use std::path::Path;

use serde::Serialize;
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::time::UnixTime;
pub use strongroom_manifest::{Exception, Manifest, ManifestErrors, Problem, Warning};

use crate::error::Error;
use crate::files;

/// A manifest that holds, and what is unwise in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// SHA-256 of the file's bytes: what policies name.
    pub digest: Digest32,
    /// What is allowed but unwise.
    pub warnings: Vec<Warning>,
}

/// Reads a manifest.
///
/// # Errors
/// [`Error::File`]; [`Error::Manifest`] with everything that is wrong.
pub fn load(path: &Path) -> Result<Manifest, Error> {
    Manifest::parse(&files::read(path)?).map_err(Error::Manifest)
}

/// Checks a manifest. `now` tells which of its exceptions have ended, or soon will.
///
/// # Errors
/// As [`load`].
pub fn check(path: &Path, now: UnixTime) -> Result<Checked, Error> {
    let manifest = load(path)?;
    Ok(Checked {
        digest: manifest.digest(),
        warnings: manifest.warnings(now),
    })
}
