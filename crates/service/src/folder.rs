//! Files of an administrator's folder, read once at the start: so many, so large, and no more.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Most files that are read from one folder.
pub const FILES_MAX: usize = 256;

/// A folder cannot be read in full.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The system says no.
    #[error("{path} cannot be read")]
    Io {
        /// Folder or file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// More files than are read.
    #[error("{path} holds more than {FILES_MAX} files")]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
    /// A file larger than is read.
    #[error("{path} has more than {max} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Most bytes that are read.
        max: u64,
    },
}

/// Reads the files of a folder, in the order of their names. Folders inside it and hidden files are left out, links are
/// followed (mounted configuration is made of them).
///
/// # Errors
/// [`FolderError`]: nothing is left out silently.
pub fn read_files(folder: &Path, bytes_max: u64) -> Result<Vec<(PathBuf, Vec<u8>)>, FolderError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| FolderError::Io { path, source }
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && fs::metadata(&path).map_err(failed(&path))?.is_file() {
            paths.push(path);
        }
        if paths.len() > FILES_MAX {
            return Err(FolderError::TooMany {
                path: folder.to_owned(),
            });
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(failed(&path))?;
        file.take(bytes_max + 1)
            .read_to_end(&mut bytes)
            .map_err(failed(&path))?;
        if bytes.len() as u64 > bytes_max {
            return Err(FolderError::TooLarge { path, max: bytes_max });
        }
        Ok((path, bytes))
    };
    paths.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_order_and_nothing_is_left_out_silently() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("a file");
        write("b", b"two");
        write("a", b"one");
        write(".hidden", b"no");
        fs::create_dir(folder.path().join("inner")).expect("a folder");
        let read = read_files(folder.path(), 3).expect("reads");
        let contents: Vec<&[u8]> = read.iter().map(|(_, bytes)| bytes.as_slice()).collect();
        assert_eq!(contents, [b"one", b"two"]);
        write("c", b"four");
        assert!(matches!(
            read_files(folder.path(), 3),
            Err(FolderError::TooLarge { path, max: 3 }) if path.ends_with("c")
        ));
        assert!(read_files(&folder.path().join("missing"), 3).is_err());
        for number in 0..FILES_MAX {
            write(&format!("n{number}"), b"");
        }
        assert!(matches!(
            read_files(folder.path(), 9),
            Err(FolderError::TooMany { .. })
        ));
    }
}
