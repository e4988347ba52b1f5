//! Where TensorFlow's library lies, and how it is loaded.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::IntoRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{MemfdFlags, SealFlags};
use strongroom_crypto::digest::{Digest32, Sha256};

use super::sys::Api;

/// Which library to load.
#[derive(Debug, Clone, Default)]
pub struct LibraryOptions {
    /// The folder of both files, or the path of `libtensorflow_cc.so.2` in it.
    pub path: Option<PathBuf>,
    /// SHA-256 of the files, in any order. With digests the library runs from a sealed copy of what was hashed.
    pub digests: Vec<Digest32>,
}

/// The library cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// It is nowhere.
    #[error(
        "TensorFlow's library, which SavedModels need, was not found ({looked}); install the Python package \
         tensorflow-cpu into the active virtual environment, or name the folder of libtensorflow_cc.so.2 with \
         --tensorflow_library"
    )]
    NotFound {
        /// Where it was looked for.
        looked: String,
    },
    /// Confidential mode without a path and digests.
    #[error(
        "in confidential mode TensorFlow's library is taken by digest only: --tensorflow_library and, for each of its \
         two files, --tensorflow_library_digest must stand in the workload description"
    )]
    DigestRequired,
    /// A file is another than it should be.
    #[error("{path} is not what was asked for: its digest is {found}")]
    Digest {
        /// The file.
        path: PathBuf,
        /// What it hashes to.
        found: Digest32,
    },
    /// A file cannot be read or copied.
    #[error("{0} cannot be read")]
    Io(PathBuf, #[source] io::Error),
    /// The dynamic loader refuses.
    #[error("{0} cannot be loaded")]
    Load(PathBuf, #[source] libloading::Error),
}

impl LibraryError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::DigestRequired | Self::Digest { .. } => "engine.library_digest",
            _ => "engine.library",
        }
    }
}

impl LibraryOptions {
    /// Whether somebody asked for it by name.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.path.is_some()
    }
}

/// Loads the library: once for this process, whoever asks.
pub(super) fn load(options: &LibraryOptions, confidential: bool) -> Result<Arc<Api>, LibraryError> {
    if confidential && (options.path.is_none() || options.digests.is_empty()) {
        return Err(LibraryError::DigestRequired);
    }
    let folder = find(options)?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((from, api)) = loaded.as_ref()
        && *from == folder
    {
        return Ok(Arc::clone(api));
    }
    let paths = FILES.map(|name| folder.join(name));
    let api = if options.digests.is_empty() {
        Api::load(&paths[0], &paths[1])
    } else {
        let framework = sealed(&paths[0], &options.digests)?;
        let tensorflow = sealed(&paths[1], &options.digests)?;
        Api::load(&framework, &tensorflow)
    };
    let api = Arc::new(api.map_err(|error| LibraryError::Load(folder.clone(), error))?);
    tracing::info!(version = api.version(), folder = %folder.display(), "TensorFlow is loaded");
    *loaded = Some((folder, Arc::clone(&api)));
    Ok(api)
}

fn find(options: &LibraryOptions) -> Result<PathBuf, LibraryError> {
    let candidates = match &options.path {
        Some(path) => vec![folder_of(path)],
        None => usual_places(),
    };
    let whole = |folder: &&PathBuf| FILES.iter().all(|name| folder.join(name).is_file());
    match candidates.iter().find(whole) {
        Some(folder) => Ok(folder.clone()),
        None => Err(LibraryError::NotFound {
            looked: match candidates.as_slice() {
                [] => "no virtual environment is active".to_owned(),
                some => some
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            },
        }),
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match (path.is_file(), path.parent()) {
        (true, Some(folder)) => folder.to_owned(),
        _ => path.to_owned(),
    }
}

/// The variable, else the packages of the active virtual environment.
fn usual_places() -> Vec<PathBuf> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return vec![folder_of(Path::new(&path))];
    }
    let Some(environment) = std::env::var_os("VIRTUAL_ENV") else {
        return Vec::new();
    };
    let versions = std::fs::read_dir(Path::new(&environment).join("lib"));
    let mut folders: Vec<PathBuf> = versions
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("site-packages/tensorflow"))
        .filter(|folder| folder.is_dir())
        .collect();
    folders.sort();
    folders
}

/// Copies the file into memory that nobody can change any more, and compares what was copied.
///
/// The descriptor stays open as long as the process: the loader knows a library by its path, and another library must
/// not get the same one.
pub(in crate::engine) fn sealed(path: &Path, digests: &[Digest32]) -> Result<PathBuf, LibraryError> {
    let failed = |error: io::Error| LibraryError::Io(path.to_owned(), error);
    let mut source = File::open(path).map_err(failed)?;
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let copy = match rustix::fs::memfd_create("library", flags | MemfdFlags::EXEC) {
        // Kernels before 6.3 do not know the flag: there every memory file can be executed.
        Err(rustix::io::Errno::INVAL) => rustix::fs::memfd_create("library", flags),
        made => made,
    };
    let mut copy = File::from(copy.map_err(|error| failed(error.into()))?);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let count = source.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        copy.write_all(&buffer[..count]).map_err(failed)?;
    }
    let found = hasher.finish();
    if !digests.contains(&found) {
        return Err(LibraryError::Digest {
            path: path.to_owned(),
            found,
        });
    }
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&copy, seals).map_err(|error| failed(error.into()))?;
    Ok(PathBuf::from(format!("/proc/self/fd/{}", copy.into_raw_fd())))
}

// TensorFlow registers its operators in process-wide tables: a second copy in one process is not meant to be.
static LOADED: Mutex<Option<(PathBuf, Arc<Api>)>> = Mutex::new(None);
/// The second needs the first.
const FILES: [&str; 2] = ["libtensorflow_framework.so.2", "libtensorflow_cc.so.2"];
const VARIABLE: &str = "STRONGROOM_TENSORFLOW_LIBRARY";
const COPY_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use strongroom_crypto::digest::sha256;

    use super::*;

    fn options(path: &Path, digests: Vec<Digest32>) -> LibraryOptions {
        LibraryOptions {
            path: Some(path.to_owned()),
            digests,
        }
    }

    #[test]
    fn confidential_mode_searches_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        for options in [LibraryOptions::default(), options(folder.path(), vec![])] {
            let refused = load(&options, true).err().expect("refused");
            assert_eq!(refused.code(), "engine.library_digest");
        }
    }

    #[test]
    fn another_file_than_was_asked_for_is_not_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in FILES {
            std::fs::write(folder.path().join(name), name).expect("a file");
        }
        let right = vec![sha256(FILES[0].as_bytes()), sha256(FILES[1].as_bytes())];
        // With the right digests it comes as far as the loader, which finds no library in it.
        let refused = load(&options(folder.path(), right.clone()), true)
            .err()
            .expect("no library");
        assert_eq!(refused.code(), "engine.library");
        std::fs::write(folder.path().join(FILES[1]), "changed").expect("a file");
        let refused = load(&options(folder.path(), right), true).err().expect("changed");
        assert!(matches!(refused, LibraryError::Digest { .. }), "{refused}");
    }

    #[test]
    fn a_missing_library_says_how_to_get_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = load(&options(folder.path(), vec![]), false)
            .err()
            .expect("missing");
        assert!(refused.to_string().contains("tensorflow-cpu"), "{refused}");
    }
}
