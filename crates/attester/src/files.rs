//! Pseudo files of the kernel or of Gramine, behind a trait: what cannot run without the hardware is tested against
//! exchanges as they were recorded on it.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use crate::error::AttesterError;

/// What attesters do with pseudo files.
pub(crate) trait Files: fmt::Debug + Send + Sync {
    /// The whole content. Pseudo files say of themselves that they are empty, so nothing is sized by that.
    ///
    /// # Errors
    /// What the operating system says; `FileTooLarge` beyond `bytes_max`.
    fn read(&self, path: &Path, bytes_max: usize) -> io::Result<Vec<u8>>;

    /// Writes all of `bytes` in one call, into a file that exists: each call is a whole value.
    ///
    /// # Errors
    /// What the operating system says.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Makes a folder.
    ///
    /// # Errors
    /// What the operating system says.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder, and the pseudo files in it.
    ///
    /// # Errors
    /// What the operating system says.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
}

/// This machine's files, as they lie here now. What is mounted over them afterwards, in a mount namespace that this
/// process enters meanwhile, hides them from others there and not from us.
#[derive(Debug, Clone)]
pub(crate) struct System {
    root: Arc<OwnedFd>,
}

impl System {
    /// # Errors
    /// [`AttesterError::File`], where the operating system does not even open its root.
    pub(crate) fn here() -> Result<Self, AttesterError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open("/", flags, Mode::empty()).map_err(|error| AttesterError::File {
            path: "/".into(),
            source: error.into(),
        })?;
        Ok(Self { root: Arc::new(root) })
    }

    /// A path that leads to the file however this process's mounts change. It should hold no symbolic link that begins
    /// at the root: such a link leads to what is mounted there by then.
    pub(crate) fn at(&self, path: &Path) -> PathBuf {
        let root = Path::new("/proc/self/fd").join(self.root.as_raw_fd().to_string());
        root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

impl Files for System {
    fn read(&self, path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        File::open(self.at(path))?
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if bytes.len() > bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let written = OpenOptions::new().write(true).open(self.at(path))?.write(bytes)?;
        if written == bytes.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::WriteZero.into())
        }
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir(self.at(path))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(self.at(path))
    }
}

/// A file that may be missing.
///
/// # Errors
/// What the operating system says, unless it says that there is no such file.
pub(crate) fn read_if_there(files: &dyn Files, path: &Path, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    match files.read(path, bytes_max) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::*;

    /// One thing that was done, and what came of it.
    #[derive(Debug, Clone)]
    pub(crate) enum Done {
        Read(&'static str, Result<Vec<u8>, io::ErrorKind>),
        Write(&'static str, Vec<u8>, Result<(), io::ErrorKind>),
        Make(&'static str),
        Remove(&'static str),
    }

    /// Files that answer what was recorded, in its order, and nothing else.
    #[derive(Debug)]
    pub(crate) struct Recorded(Mutex<VecDeque<Done>>);

    impl Recorded {
        pub(crate) fn new(done: Vec<Done>) -> Self {
            Self(Mutex::new(done.into()))
        }

        fn next(&self) -> Done {
            let next = self.0.lock().expect("not poisoned").pop_front();
            next.expect("nothing more was recorded")
        }

        /// Everything that was recorded happened.
        pub(crate) fn is_over(&self) -> bool {
            self.0.lock().expect("not poisoned").is_empty()
        }
    }

    impl Files for Recorded {
        fn read(&self, path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
            match self.next() {
                Done::Read(recorded, content) if Path::new(recorded) == path => {
                    let content = content?;
                    assert!(content.len() <= bytes_max, "{recorded} is longer than its limit");
                    Ok(content)
                }
                other => panic!("read {}, recorded was {other:?}", path.display()),
            }
        }

        fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
            match self.next() {
                Done::Write(recorded, content, outcome) if Path::new(recorded) == path => {
                    assert_eq!(hex::encode(bytes), hex::encode(content), "{recorded}");
                    Ok(outcome?)
                }
                other => panic!("write {}, recorded was {other:?}", path.display()),
            }
        }

        fn make_folder(&self, path: &Path) -> io::Result<()> {
            match self.next() {
                Done::Make(recorded) if Path::new(recorded) == path => Ok(()),
                other => panic!("make {}, recorded was {other:?}", path.display()),
            }
        }

        fn remove_folder(&self, path: &Path) -> io::Result<()> {
            match self.next() {
                Done::Remove(recorded) if Path::new(recorded) == path => Ok(()),
                other => panic!("remove {}, recorded was {other:?}", path.display()),
            }
        }
    }

    #[test]
    #[ignore = "needs the right to mount"]
    fn what_is_mounted_over_a_file_later_hides_it_from_others_only() {
        let system = System::here().expect("a machine");
        // The shell inherits the way to the files as it was here.
        rustix::io::fcntl_setfd(&*system.root, rustix::io::FdFlags::empty()).expect("inheritable");
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = folder.path().canonicalize().expect("a path").join("device");
        std::fs::write(&file, "genuine").expect("a file");
        let script =
            r#"mount --bind /dev/null "$0" && test -z "$(cat "$0")" && test "$(cat "$1")" = genuine"#;
        let status = std::process::Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", script])
            .arg(&file)
            .arg(system.at(&file))
            .status();
        assert!(status.expect("it runs").success());
        assert_eq!(system.read(&file, 16).expect("read"), b"genuine");
    }

    #[test]
    fn files_are_read_to_a_limit_and_written_where_they_exist() {
        let system = System::here().expect("a machine");
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("made");
        system.make_folder(&path).expect("made");
        system.remove_folder(&path).expect("removed");
        let file = folder.path().join("file");
        assert_eq!(
            system.write(&file, b"x").expect_err("no such file").kind(),
            io::ErrorKind::NotFound
        );
        assert_eq!(read_if_there(&system, &file, 8).expect("no error"), None);
        std::fs::write(&file, b"before").expect("a file");
        system.write(&file, b"later!").expect("written");
        assert_eq!(system.read(&file, 6).expect("read"), b"later!");
        let error = system.read(&file, 5).expect_err("longer");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
