//! A mount namespace of the launcher's own, so that what is mounted for the workload exists for nobody else.

use std::io;

use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::error::LaunchError;

/// Whether mounts can be made that only this process and its children see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Namespace {
    /// They can.
    Private,
    /// They cannot: the mounts are those of whoever started this process.
    Shared {
        /// What the kernel answered.
        reason: String,
    },
}

/// Enters a mount namespace of its own: with the right to mount directly, else through a user namespace in which this
/// user is itself and nobody else exists. To be called while the process has one thread.
///
/// # Errors
/// When the user namespace is entered and cannot be set up: the process would be nobody. That nothing can be entered is
/// no error, see [`Namespace::Shared`].
pub fn enter() -> Result<Namespace, LaunchError> {
    let refused = match unshare(UnshareFlags::NEWNS) {
        Ok(()) => return private(),
        Err(refused) => refused,
    };
    let (uid, gid) = (
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw(),
    );
    if unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS).is_err() {
        return Ok(Namespace::Shared {
            reason: format!("unshare: {refused}"),
        });
    }
    let write = |path: &str, text: String| std::fs::write(path, text);
    write("/proc/self/setgroups", "deny".to_owned())
        .and_then(|()| write("/proc/self/uid_map", format!("{uid} {uid} 1")))
        .and_then(|()| write("/proc/self/gid_map", format!("{gid} {gid} 1")))
        .map_err(|source| LaunchError::Setup {
            what: "user namespace",
            source,
        })?;
    private()
}

// Without this, mounts would propagate to the namespace that this one was copied from.
fn private() -> Result<Namespace, LaunchError> {
    match mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC) {
        Ok(()) => Ok(Namespace::Private),
        Err(error) => Ok(Namespace::Shared {
            reason: format!("mount propagation: {error}"),
        }),
    }
}

#[expect(
    unsafe_code,
    reason = "unshare is unsafe in rustix for the sake of one flag that is not used here"
)]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    // SAFETY: the contract of `unshare_unsafe` concerns `UnshareFlags::FILES` only, which no caller passes.
    unsafe { unshare_unsafe(flags) }.map_err(io::Error::from)
}
