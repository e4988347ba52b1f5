//! A model's files where TensorFlow can open them by path, and where no disk ever sees them.
//!
//! Each file is a sealed memory file (memfd_create(2)); a folder of symbolic links to them gives them their names. Only
//! names lie in a file system, and that for as long as loading takes.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{MemfdFlags, SealFlags};

use crate::model::files::ModelFiles;

/// The folder. It goes with this value, and so do the files that nobody has mapped.
pub(super) struct MemoryFolder {
    folder: tempfile::TempDir,
    _files: Vec<File>,
}

impl MemoryFolder {
    /// Moves the files into memory files.
    pub(super) fn new(mut files: ModelFiles) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("strongroom-model-")
            .tempdir_in(place())?;
        let names: Vec<String> = files.names().map(str::to_owned).collect();
        let mut held = Vec::with_capacity(names.len());
        for name in names {
            let bytes = files.take(&name).unwrap_or_default();
            let path = below(folder.path(), &name)?;
            fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
            let file = sealed(&bytes)?;
            std::os::unix::fs::symlink(format!("/proc/self/fd/{}", file.as_raw_fd()), path)?;
            held.push(file);
        }
        Ok(Self { folder, _files: held })
    }

    /// Its path, for the C API.
    pub(super) fn path(&self) -> io::Result<CString> {
        CString::new(self.folder.path().as_os_str().as_bytes()).map_err(io::Error::other)
    }
}

fn sealed(bytes: &[u8]) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = match rustix::fs::memfd_create("model", flags | MemfdFlags::NOEXEC_SEAL) {
        // Kernels before 6.3 do not know the flag.
        Err(rustix::io::Errno::INVAL) => rustix::fs::memfd_create("model", flags)?,
        made => made?,
    };
    let mut file = File::from(file);
    file.write_all(bytes)?;
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    Ok(file)
}

/// Names come from bundles and stores: none leads out of the folder.
fn below(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let plain = |component: Component<'_>| matches!(component, Component::Normal(_));
    if name.is_empty() || !Path::new(name).components().all(plain) {
        return Err(io::Error::other(format!("{name:?} is no name of a model's file")));
    }
    Ok(folder.join(name))
}

fn place() -> PathBuf {
    let shared = Path::new(SHARED_MEMORY);
    if shared.is_dir() {
        shared.to_owned()
    } else {
        std::env::temp_dir()
    }
}

const SHARED_MEMORY: &str = "/dev/shm";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_by_path_and_lie_in_no_file_system() {
        let files = ModelFiles::from_iter([("variables/a".to_owned(), b"weights".to_vec())]);
        let memory = MemoryFolder::new(files).expect("a folder");
        let path = memory.folder.path().join("variables/a");
        assert_eq!(fs::read(&path).expect("read"), b"weights");
        assert!(fs::symlink_metadata(&path).expect("an entry").is_symlink());
        assert!(
            fs::OpenOptions::new()
                .write(true)
                .open(&path)
                .is_err_and(|_| true)
                || fs::write(&path, b"x").is_err()
        );
        let folder = memory.folder.path().to_owned();
        drop(memory);
        assert!(!folder.exists());
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for name in ["../a", "/a", "a/../../b", ""] {
            let files = ModelFiles::from_iter([(name.to_owned(), vec![])]);
            assert!(MemoryFolder::new(files).is_err(), "{name}");
        }
    }
}
