//! The simulator's folder: for its user alone, locked by one simulator at a time, each file replaced as a whole and on
//! stable storage before anybody learns what is in it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Files in the folder are small; more is not ours.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The simulator's folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The operating system refuses.
    #[error("{path} cannot be {what}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// Others can look in.
    #[error("{path} must belong to this user and be closed to others (mode 0700), its mode is {mode:04o}")]
    Open {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another simulator runs on it.
    #[error("another simulator runs on {path}")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
}

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens the folder, made where it is missing, for this process alone.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |what| {
            move |source| FolderError::Io {
                path: path.to_owned(),
                what,
                source,
            }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed("made"))?;
        let metadata = fs::symlink_metadata(path).map_err(failed("looked at"))?;
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 || metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(FolderError::Open {
                path: path.to_owned(),
                mode,
            });
        }
        let mut options = OpenOptions::new();
        let lock = options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"));
        let lock = lock.map_err(failed("locked"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(FolderError::Locked {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(failed("locked")(source)),
        }
    }

    /// Where a file lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A file's bytes; none where there is no such file.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FolderError> {
        let path = self.path(name);
        let failed = |source| FolderError::Io {
            path: path.clone(),
            what: "read",
            source,
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        Ok(Some(bytes))
    }

    /// Replaces a file as a whole. On stable storage when it returns.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.path(name);
        self.replace(&path, bytes).map_err(|source| FolderError::Io {
            path,
            what: "written",
            source,
        })
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = self.path.join("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(&self.path)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn is_for_one_user_and_one_simulator() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let path = parent.path().join("platform");
        let folder = Folder::open(&path).expect("a new folder");
        assert_eq!(fs::metadata(&path).expect("it is there").mode() & 0o777, 0o700);
        assert!(matches!(Folder::open(&path), Err(FolderError::Locked { .. })));
        drop(folder);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).expect("own folder");
        assert!(matches!(
            Folder::open(&path),
            Err(FolderError::Open { mode: 0o750, .. })
        ));
    }

    #[test]
    fn replaces_whole_files() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let folder = Folder::open(&parent.path().join("platform")).expect("a new folder");
        assert_eq!(folder.read("value").expect("readable"), None);
        folder.write("value", b"first").expect("writable");
        folder.write("value", b"2nd").expect("writable");
        assert_eq!(
            folder.read("value").expect("readable").as_deref(),
            Some(&b"2nd"[..])
        );
    }
}
