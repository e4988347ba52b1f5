//! What vendors sign about platforms, as files: collateral, certificates, revocation lists.

use std::path::{Path, PathBuf};

use strongroom_attest::Endorsements;

use crate::error::Error;
use crate::files;

/// Most files that are read from one folder.
pub const FILES_MAX: usize = 256;

/// Reads files, and all files of folders (in the order of their names, without folders inside and hidden files).
///
/// # Errors
/// [`Error::File`]; [`Error::Input`] for a file that is no endorsement, and for a folder with more than [`FILES_MAX`].
pub fn load(paths: &[PathBuf]) -> Result<Endorsements, Error> {
    let mut endorsements = Endorsements::none();
    for path in paths {
        if path.is_dir() {
            for file in files_in(path)? {
                add(&mut endorsements, &file)?;
            }
        } else {
            add(&mut endorsements, path)?;
        }
    }
    Ok(endorsements)
}

/// Reads one endorsement as it is to be sent to a coordinator.
///
/// # Errors
/// As [`load`].
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = files::read(path)?;
    let read = Endorsements::none().add(&bytes);
    read.map_err(|error| Error::input(path.display().to_string(), error))?;
    Ok(bytes)
}

fn add(endorsements: &mut Endorsements, path: &Path) -> Result<(), Error> {
    let added = endorsements.add(&files::read(path)?);
    added.map_err(|error| Error::input(path.display().to_string(), error))
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::File {
        action: "read",
        path: folder.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if !entry.file_name().as_encoded_bytes().starts_with(b".") && path.is_file() {
            found.push(path);
        }
        if found.len() > FILES_MAX {
            let why = format!("it holds more than {FILES_MAX} files");
            return Err(Error::input(folder.display().to_string(), why));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_are_read_and_what_is_no_endorsement_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let collateral = folder.path().join("collateral.json");
        std::fs::write(&collateral, br#"{"tcb_info": "{}"}"#).unwrap();
        std::fs::write(folder.path().join(".hidden"), b"").unwrap();
        for given in [folder.path().to_owned(), collateral.clone()] {
            let endorsements = load(&[given]).unwrap();
            assert_eq!(endorsements.collateral().count(), 1);
        }
        std::fs::write(folder.path().join("readme.txt"), b"hello").unwrap();
        let error = load(&[folder.path().to_owned()]).unwrap_err();
        assert!(error.to_string().contains("readme.txt"), "{error}");
        assert_eq!(error.code(), "input.invalid");
        assert_eq!(
            read(&folder.path().join("readme.txt")).unwrap_err().code(),
            "input.invalid"
        );
        assert!(read(&collateral).is_ok());
    }
}
