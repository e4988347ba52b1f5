//! Directories and file systems in memory: opened without following a symlink, mounted where only the workload sees
//! them, recognised where others made them.

use std::ffi::CStr;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::mount::{MountFlags, mount};

/// What a mounted memory file system is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Files that are read: nothing in it can be executed.
    Data,
    /// Copies of libraries: may be mapped as code.
    Code,
}

/// Opens the directory at an absolute path; no component may be a symlink. Missing ones are made, for their owner only.
pub(crate) fn directory(path: &str) -> io::Result<OwnedFd> {
    let root = rustix::fs::open(
        "/",
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    directory_below(root, path.trim_start_matches('/'))
}

/// Opens the directory `relative` below `from`, as [`directory`] does. An empty path is `from` itself.
pub(crate) fn directory_below(from: OwnedFd, relative: &str) -> io::Result<OwnedFd> {
    let mut current = from;
    for name in relative.split('/').filter(|name| !name.is_empty()) {
        current = match open_directory(&current, name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                rustix::fs::mkdirat(&current, name, Mode::RWXU)?;
                open_directory(&current, name)?
            }
            opened => opened?,
        };
    }
    Ok(current)
}

fn open_directory(from: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat2(from, name, flags, Mode::empty(), STRICT)?)
}

/// A second handle on a directory.
pub(crate) fn duplicate(directory: &OwnedFd) -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(directory, 3)?)
}

/// Writes `content` as `relative` below `directory`: to a new file of mode 0600 first, which then takes the name. Who
/// reads meanwhile sees the old file or the new one.
pub(crate) fn place(directory: &OwnedFd, relative: &str, content: &[u8]) -> io::Result<()> {
    let (parent, name) = match relative.rsplit_once('/') {
        Some((folder, name)) => (directory_below(duplicate(directory)?, folder)?, name),
        None => (duplicate(directory)?, relative),
    };
    let temporary = format!(".{name}.new");
    match rustix::fs::unlinkat(&parent, &temporary, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::openat2(&parent, &temporary, flags, Mode::RUSR | Mode::WUSR, STRICT)?;
    std::fs::File::from(file).write_all(content)?;
    rustix::fs::renameat(&parent, &temporary, &parent, name)?;
    Ok(())
}

/// Overwrites the file `relative` below `directory` with zeros and removes it.
///
/// The program may have put something else in its place, a pipe without a reader or a file without an end: neither may
/// hold up the launcher, whose next act is to end the program.
pub(crate) fn wipe(directory: &OwnedFd, relative: &str) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let overwritten = match rustix::fs::openat2(directory, relative, flags, Mode::empty(), STRICT) {
        Ok(file) => overwrite(file.into()),
        Err(error) => Err(error.into()),
    };
    rustix::fs::unlinkat(directory, relative, AtFlags::empty())?;
    overwritten
}

fn overwrite(mut file: std::fs::File) -> io::Result<()> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file any more"));
    }
    io::copy(
        &mut io::Read::take(io::repeat(0), metadata.len().min(WIPED_BYTES_MAX)),
        &mut file,
    )?;
    Ok(())
}

/// The coordinator sends no larger file.
const WIPED_BYTES_MAX: u64 = 64 << 20;

/// Mounts a new memory file system over `directory`: for its owner only, without device files and set-id programs, and
/// without swap where the kernel can. The handle still names what lies below; open the path again.
pub(crate) fn mount_over(directory: &OwnedFd, purpose: Purpose) -> io::Result<()> {
    let mut flags = MountFlags::NOSUID | MountFlags::NODEV;
    if purpose == Purpose::Data {
        flags |= MountFlags::NOEXEC;
    }
    let target = by_descriptor(directory);
    let attempt = |options: &CStr| mount("tmpfs", &target, "tmpfs", flags, options);
    match attempt(c"mode=0700,noswap") {
        // Older kernels know no `noswap`, and none allows it in a user namespace.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::PERM) => {
            tracing::info!(
                "the kernel cannot keep this memory file system out of swap: encrypt swap or switch it off"
            );
            Ok(attempt(c"mode=0700")?)
        }
        mounted => Ok(mounted?),
    }
}

/// Whether a directory lies in memory and nowhere else.
pub(crate) fn is_memory_backed(directory: &OwnedFd) -> io::Result<bool> {
    const TMPFS_MAGIC: u64 = 0x0102_1994;
    const RAMFS_MAGIC: u64 = 0x8584_58f6;
    let kind = rustix::fs::fstatfs(directory)?.f_type;
    Ok([TMPFS_MAGIC, RAMFS_MAGIC].contains(&(kind as u64)))
}

/// Whether a directory has no entry.
pub(crate) fn is_empty(directory: &OwnedFd) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let readable = rustix::fs::openat(directory, ".", flags, Mode::empty())?;
    for entry in rustix::fs::Dir::read_from(&readable)? {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The path by which the kernel finds exactly what a handle names, whatever happens to names meanwhile.
pub(crate) fn by_descriptor(handle: impl AsFd) -> String {
    format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd())
}

/// No way out of the directory, and no symlink on the way.
pub(crate) const STRICT: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_replaces_and_wipes_without_following_links() {
        let folder = tempfile::tempdir().expect("folder");
        let open = || {
            rustix::fs::open(folder.path(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).expect("open")
        };
        place(&open(), "a/b/secret", b"one").expect("place");
        place(&open(), "a/b/secret", b"two").expect("replace");
        let path = folder.path().join("a/b/secret");
        assert_eq!(std::fs::read(&path).expect("read"), b"two");
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&path).expect("metadata").permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);

        let outside = tempfile::tempdir().expect("folder");
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).expect("symlink");
        assert!(place(&open(), "link/secret", b"x").is_err());
        assert!(place(&open(), "../secret", b"x").is_err());
        assert_eq!(std::fs::read_dir(outside.path()).expect("list").count(), 0);

        wipe(&open(), "a/b/secret").expect("wipe");
        assert!(!path.exists());

        // What the program may put in its place holds nobody up.
        let pipe = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &path, pipe, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        assert!(wipe(&open(), "a/b/secret").is_err());
        assert!(!path.exists());
        let endless = std::fs::File::create(&path).expect("a file");
        endless.set_len(1 << 40).expect("a length");
        wipe(&open(), "a/b/secret").expect("wipe");
        assert!(!path.exists());
        assert!(is_empty(&directory_below(open(), "a/b").expect("open")).expect("list"));
        assert!(!is_empty(&open()).expect("list"));
    }

    #[test]
    fn a_path_through_a_symlink_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let real = folder.path().canonicalize().expect("path");
        std::fs::create_dir(real.join("there")).expect("folder");
        std::os::unix::fs::symlink(real.join("there"), real.join("link")).expect("symlink");
        assert!(directory(&format!("{}/there/below", real.display())).is_ok());
        assert!(directory(&format!("{}/link/below", real.display())).is_err());
    }
}
