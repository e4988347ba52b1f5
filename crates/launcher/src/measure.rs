//! A1 and A2: the description, and sealed copies of what it lists. What is hashed is the copy that later runs, so a file
//! that changes on disk meanwhile changes nothing.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use rustix::mount::{MountFlags, UnmountFlags, mount_bind, mount_remount, unmount};
use strongroom_crypto::digest::{Digest32, Sha256};
use strongroom_workload::{Description, Measured};

use crate::error::LaunchError;
use crate::memory::{self, Purpose};
use crate::namespace::Namespace;

/// A workload whose parts are measured and held fast.
#[derive(Debug)]
pub struct Workload {
    /// The checked description.
    pub description: Description,
    /// Its bytes, for a platform that computes the digest itself.
    pub description_bytes: Vec<u8>,
    /// The program.
    pub program: SealedProgram,
}

/// Reads the description, then measures and holds fast the program and every listed file.
///
/// # Errors
/// [`LaunchError`] of the first thing that cannot be read or is not as described.
pub fn measure(description_path: &Path, namespace: &Namespace) -> Result<Workload, LaunchError> {
    let (description, description_bytes) = read_description(description_path)?;
    let program = SealedProgram::copy(description.program())?;
    pin_files(&description, namespace)?;
    Ok(Workload {
        description,
        description_bytes,
        program,
    })
}

fn read_description(path: &Path) -> Result<(Description, Vec<u8>), LaunchError> {
    let unreadable = |source| LaunchError::DescriptionFile {
        path: path.display().to_string(),
        source,
    };
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a longer file is refused as too long and not as cut short.
    let limit = strongroom_workload::SIZE_MAX as u64 + 1;
    File::open(path)
        .map_err(unreadable)?
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok((Description::parse(&bytes)?, bytes))
}

/// The program's bytes in memory, hashed on their way there, and never to change again.
#[derive(Debug)]
pub struct SealedProgram {
    handle: OwnedFd,
}

impl SealedProgram {
    /// Copies and seals the program, and compares its digest.
    ///
    /// # Errors
    /// [`LaunchError::ProgramDigest`], [`LaunchError::Measure`].
    pub fn copy(program: &Measured) -> Result<Self, LaunchError> {
        let failed = |what, source: io::Error| LaunchError::Measure {
            path: program.path().to_owned(),
            what,
            source,
        };
        let mut source = File::open(program.path()).map_err(|error| failed("it cannot be opened", error))?;
        let memory = executable_memory().map_err(|error| failed("no executable memory file", error))?;
        let mut memory = File::from(memory);
        let found =
            copy_hashed(&mut source, &mut memory).map_err(|error| failed("it cannot be copied", error))?;
        if found != program.digest() {
            return Err(LaunchError::ProgramDigest {
                path: program.path().to_owned(),
                expected: program.digest(),
                found,
            });
        }
        seal(&memory).map_err(|error| failed("the copy cannot be sealed", error))?;
        // Read-only from here on: the kernel does not execute what somebody could still hold open for writing.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(memory::by_descriptor(&memory), flags, Mode::empty())
            .map_err(|error| failed("the copy cannot be opened", error.into()))?;
        Ok(Self { handle })
    }

    /// The copy, open for reading.
    #[must_use]
    pub fn handle(&self) -> &OwnedFd {
        &self.handle
    }
}

fn executable_memory() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match rustix::fs::memfd_create("workload", flags | MemfdFlags::EXEC) {
        // Kernels before 6.3 do not know the flag: there every memory file can be executed.
        Err(rustix::io::Errno::INVAL) => Ok(rustix::fs::memfd_create("workload", flags)?),
        made => Ok(made?),
    }
}

fn seal(memory: &File) -> io::Result<()> {
    let mut permissions = memory.metadata()?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o500);
    memory.set_permissions(permissions)?;
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    Ok(rustix::fs::fcntl_add_seals(memory, seals)?)
}

/// Mounts a read-only copy of every listed file over its place, in our own mount namespace.
fn pin_files(description: &Description, namespace: &Namespace) -> Result<(), LaunchError> {
    if description.files().is_empty() {
        return Ok(());
    }
    if let Namespace::Shared { reason } = namespace {
        return Err(LaunchError::CannotPin {
            reason: reason.clone(),
        });
    }
    let at = description.provision_dir();
    let failed = |source| LaunchError::Measure {
        path: at.to_owned(),
        what: "no place for copies",
        source,
    };
    let place = memory::directory(at).map_err(failed)?;
    memory::mount_over(&place, Purpose::Code).map_err(failed)?;
    let vault = memory::directory(at).map_err(failed)?;
    let pinned = description
        .files()
        .iter()
        .enumerate()
        .try_for_each(|(index, file)| pin(&vault, index, file));
    // The copies live on where they are mounted; nothing else leads to them any more.
    unmount(memory::by_descriptor(&vault), UnmountFlags::DETACH).map_err(|error| failed(error.into()))?;
    pinned
}

fn pin(vault: &OwnedFd, index: usize, file: &Measured) -> Result<(), LaunchError> {
    let failed = |what, source: io::Error| LaunchError::Measure {
        path: file.path().to_owned(),
        what,
        source,
    };
    let mut source = File::open(file.path()).map_err(|error| failed("it cannot be opened", error))?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let copy = rustix::fs::openat2(
        vault,
        index.to_string(),
        flags,
        Mode::RUSR | Mode::XUSR,
        memory::STRICT,
    )
    .map_err(|error| failed("no copy can be made", error.into()))?;
    let mut copy = File::from(copy);
    let found = copy_hashed(&mut source, &mut copy).map_err(|error| failed("it cannot be copied", error))?;
    if found != file.digest() {
        return Err(LaunchError::FileDigest {
            path: file.path().to_owned(),
            expected: file.digest(),
            found,
        });
    }
    mount_bind(memory::by_descriptor(&copy), file.path())
        .and_then(|()| {
            let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
            mount_remount(file.path(), flags, "")
        })
        .map_err(|error| failed("the copy cannot be mounted over it", error.into()))
}

fn copy_hashed(source: &mut impl Read, target: &mut impl Write) -> io::Result<Digest32> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                target.write_all(&buffer[..count])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Bytes that are copied and hashed at once.
const COPY_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use strongroom_crypto::digest::sha256;

    use super::*;

    fn program(bytes: &[u8]) -> (tempfile::NamedTempFile, Measured) {
        let mut file = tempfile::NamedTempFile::new().expect("file");
        file.write_all(bytes).expect("write");
        let measured = Measured::new(file.path().to_str().expect("text"), sha256(bytes));
        (file, measured)
    }

    #[test]
    fn the_copy_is_what_was_hashed_whatever_happens_to_the_file() {
        let (file, measured) = program(b"genuine");
        let sealed = SealedProgram::copy(&measured).expect("copy");
        std::fs::write(file.path(), b"changed").expect("write");
        let mut copy = File::open(memory::by_descriptor(sealed.handle())).expect("open");
        let mut bytes = Vec::new();
        copy.read_to_end(&mut bytes).expect("read");
        assert_eq!(bytes, b"genuine");
    }

    #[test]
    fn the_copy_cannot_be_written() {
        let (_file, measured) = program(b"genuine");
        let sealed = SealedProgram::copy(&measured).expect("copy");
        let path = memory::by_descriptor(sealed.handle());
        let write = std::fs::OpenOptions::new().write(true).open(path);
        assert!(write.and_then(|file| file.write_at(b"x", 0)).is_err());
        assert!(rustix::fs::fcntl_add_seals(sealed.handle(), SealFlags::GROW).is_err());
    }

    #[test]
    fn another_program_is_refused() {
        let (file, measured) = program(b"genuine");
        std::fs::write(file.path(), b"modified").expect("write");
        let error = SealedProgram::copy(&measured).expect_err("modified");
        assert_eq!(
            (error.code(), error.exit_code()),
            ("workload.program_digest", 101)
        );
        let missing = Measured::new("/nonexistent/program", sha256(b""));
        assert_eq!(
            SealedProgram::copy(&missing).expect_err("missing").code(),
            "workload.measure"
        );
    }

    #[test]
    fn files_are_refused_where_they_cannot_be_held_fast() {
        use strongroom_workload::{Draft, DraftCoordinator};
        let (_file, measured) = program(b"genuine");
        let mut draft = Draft::new(
            Measured::new("/program", sha256(b"")),
            DraftCoordinator::Unverified,
        );
        draft.files.push(measured);
        let description = draft.check().expect("good");
        let shared = Namespace::Shared {
            reason: "no right".to_owned(),
        };
        let error = pin_files(&description, &shared).expect_err("cannot pin");
        assert_eq!(error.code(), "workload.cannot_pin");
    }
}
