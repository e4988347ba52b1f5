//! Files and folders with the modes and the syncs that the rest relies on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::store::StoreError;

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

pub(super) fn reading(source: io::Error) -> StoreError {
    StoreError::Io { what: "read", source }
}

pub(super) fn writing(source: io::Error) -> StoreError {
    StoreError::Io {
        what: "written",
        source,
    }
}

/// Makes the folder if it is missing, for its owner alone.
pub(super) fn make_folder(path: &Path) -> Result<(), StoreError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
        .map_err(writing)
}

/// Opens a file for appending and reading, made (0600) where it is missing.
pub(super) fn open_append(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(FILE_MODE);
    options.open(path).map_err(writing)
}

/// The whole file; `None` where there is none.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(reading(error)),
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(reading)?;
    Ok(Some(bytes))
}

/// Replaces `name` in `folder` in one step; on `Ok` the new content is on stable storage.
pub(super) fn replace(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = folder.join(format!("{name}.new"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(FILE_MODE);
    let mut file = options.open(&temporary).map_err(writing)?;
    file.write_all(bytes).map_err(writing)?;
    file.sync_all().map_err(writing)?;
    fs::rename(&temporary, folder.join(name)).map_err(writing)?;
    sync_folder(folder)
}

/// Puts the folder's list of names on stable storage.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(writing)
}
