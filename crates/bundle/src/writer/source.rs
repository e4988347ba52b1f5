//! What goes into a bundle: files of a folder, one file, or names with readers. Opened when their turn comes.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use crate::error::BundleError;
use crate::format::name::{self, REFERENCE_NAME, RESERVED_PREFIX};
use crate::format::{FILES_MAX, NAME_BYTES_MAX};

/// Longest reference file.
const REFERENCE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Deepest folder: no name is longer than this many parts.
const DEPTH_MAX: usize = NAME_BYTES_MAX / 2;

type Open = Box<dyn FnOnce() -> io::Result<Box<dyn Read + Send>> + Send>;

/// One file to be.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) open: Open,
}

/// The files of a bundle to be, in any order: they are sorted by name.
#[derive(Default)]
pub struct Sources {
    files: Vec<Source>,
    bytes: Option<u64>,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("files", &self.files.len())
            .field("bytes", &self.bytes)
            .finish()
    }
}

impl Sources {
    /// No file yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            files: Vec::new(),
            bytes: Some(0),
        }
    }

    /// The folder with all below it, or the one file, at `path`.
    ///
    /// # Errors
    /// [`BundleError::Io`]; [`BundleError::Name`] for a symbolic link, a device, or a name that no bundle can hold.
    pub fn from_path(path: &Path) -> Result<Self, BundleError> {
        let metadata = fs::metadata(path).map_err(BundleError::io(format!("reading {}", path.display())))?;
        let mut sources = Self::new();
        if metadata.is_dir() {
            sources.add_folder(path, "", 0)?;
        } else {
            let name = path.file_name().unwrap_or_default();
            let name = name.to_str().ok_or_else(|| not_unicode(path))?;
            sources.add_file(name.to_owned(), path.to_owned())?;
        }
        Ok(sources)
    }

    /// Adds a file with a reader, whose length need not be known.
    #[must_use]
    pub fn with_reader(mut self, name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        self.bytes = None;
        self.files.push(Source {
            name: name.into(),
            open: Box::new(move || Ok(Box::new(reader))),
        });
        self
    }

    /// Adds a file that is in memory.
    #[must_use]
    pub fn with_bytes(mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        self.count(bytes.len() as u64);
        let open: Open = Box::new(move || Ok(Box::new(Cursor::new(bytes))));
        self.files.push(Source {
            name: name.into(),
            open,
        });
        self
    }

    /// Adds reference inputs and outputs (JSON), against which a server checks the model when it loads it.
    ///
    /// # Errors
    /// [`BundleError::Table`] for what is no JSON, [`BundleError::TooLarge`].
    pub fn with_reference(self, json: impl Into<Vec<u8>>) -> Result<Self, BundleError> {
        let json = json.into();
        let found = json.len() as u64;
        if found > REFERENCE_BYTES_MAX {
            return Err(BundleError::TooLarge {
                what: "bytes of reference",
                found,
                limit: REFERENCE_BYTES_MAX,
            });
        }
        if serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_err() {
            return Err(BundleError::Table {
                what: "the reference inputs and outputs are no JSON",
            });
        }
        Ok(self.with_bytes(REFERENCE_NAME, json))
    }

    /// Bytes of all files together, where that is known before they are read.
    #[must_use]
    pub const fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// Sorted, and each name and the list checked.
    pub(crate) fn checked(mut self) -> Result<Self, BundleError> {
        let found = self.files.len() as u64;
        if found > FILES_MAX {
            return Err(BundleError::TooLarge {
                what: "files",
                found,
                limit: FILES_MAX,
            });
        }
        self.files.sort_by(|a, b| a.name.cmp(&b.name));
        name::check_all(self.files.iter().map(|file| file.name.as_str()))?;
        Ok(self)
    }

    pub(crate) fn into_files(self) -> std::vec::IntoIter<Source> {
        self.files.into_iter()
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), BundleError> {
        let what = || format!("reading {}", folder.display());
        if depth > DEPTH_MAX || self.files.len() as u64 > FILES_MAX {
            let found = self.files.len() as u64;
            return Err(BundleError::TooLarge {
                what: "files, or folders in folders",
                found,
                limit: FILES_MAX,
            });
        }
        for entry in fs::read_dir(folder).map_err(BundleError::io(what()))? {
            let entry = entry.map_err(BundleError::io(what()))?;
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| not_unicode(&entry.path()))?;
            let name = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(BundleError::io(what()))?;
            if kind.is_dir() {
                self.add_folder(&entry.path(), &format!("{name}/"), depth + 1)?;
            } else if kind.is_file() {
                if name.starts_with(RESERVED_PREFIX) {
                    let why = "names below .strongroom/ are reserved: give the reference as such";
                    return Err(BundleError::Name { name, why });
                }
                self.add_file(name, entry.path())?;
            } else {
                let why = "it is a symbolic link or a device: put the file itself there (cp -rL)";
                return Err(BundleError::Name { name, why });
            }
        }
        Ok(())
    }

    fn add_file(&mut self, name: String, path: PathBuf) -> Result<(), BundleError> {
        name::check(&name)?;
        let metadata = fs::metadata(&path).map_err(BundleError::io(format!("reading {}", path.display())))?;
        self.count(metadata.len());
        let open: Open = Box::new(move || {
            let named =
                |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
            Ok(Box::new(File::open(&path).map_err(named)?))
        });
        self.files.push(Source { name, open });
        Ok(())
    }

    fn count(&mut self, bytes: u64) {
        self.bytes = self.bytes.and_then(|sum| sum.checked_add(bytes));
    }
}

fn not_unicode(path: &Path) -> BundleError {
    BundleError::Name {
        name: path.display().to_string(),
        why: "it is not UTF-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_folders_with_all_below_and_refuses_links() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("variables")).unwrap();
        fs::write(folder.path().join("saved_model.pb"), b"graph").unwrap();
        fs::write(folder.path().join("variables/index"), b"12").unwrap();
        let sources = Sources::from_path(folder.path()).unwrap().checked().unwrap();
        assert_eq!(sources.bytes(), Some(7));
        let names: Vec<_> = sources.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["saved_model.pb", "variables/index"]);

        std::os::unix::fs::symlink("saved_model.pb", folder.path().join("link")).unwrap();
        assert_eq!(
            Sources::from_path(folder.path()).unwrap_err().code(),
            "bundle.name"
        );
    }

    #[test]
    fn refuses_reserved_and_doubled_names_and_a_reference_that_is_no_json() {
        let code = |sources: Sources| sources.checked().map(|_| ()).map_err(|error| error.code());
        assert_eq!(
            code(Sources::new().with_bytes("a", "1").with_bytes("b", "2")),
            Ok(())
        );
        assert_eq!(
            code(Sources::new().with_bytes("a", "1").with_bytes("a", "2")),
            Err("bundle.name")
        );
        assert_eq!(code(Sources::new().with_bytes("../a", "1")), Err("bundle.name"));
        assert_eq!(
            code(Sources::new().with_bytes(".strongroom/x", "1")),
            Err("bundle.name")
        );
        assert_eq!(
            Sources::new().with_reference("{").unwrap_err().code(),
            "bundle.table"
        );
        assert_eq!(code(Sources::new().with_reference("{}").unwrap()), Ok(()));
    }
}
