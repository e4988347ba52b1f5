//! A14, second half, on the child's side. The launcher starts itself once more as a short-lived stage that confines
//! itself and then becomes the program: whatever is done here is done to the child only, by one thread, with nothing else running.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::memory;

/// First argument of a process that is the stage. No flag of the launcher looks like it.
pub const ARGUMENT: &str = "@strongroom-stage";

/// Becomes the program: its sealed copy is standard input, `arguments` are the launcher's process id and the program's
/// whole argument vector, the environment is the program's already. Returns only when it failed.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> io::Error {
    match become_program(arguments) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

enum Never {}

fn become_program(arguments: Vec<OsString>) -> io::Result<Never> {
    let mut arguments = arguments.into_iter();
    let launcher = arguments
        .next()
        .and_then(|id| id.to_str()?.parse().ok())
        .and_then(Pid::from_raw);
    let (Some(launcher), Some(name)) = (launcher, arguments.next()) else {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "this is a stage of the launcher and nothing to start",
        ));
    };
    // Without the launcher nobody renews, reaps and wipes: the program ends with it.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(launcher) {
        return Err(io::Error::other("the launcher is gone"));
    }
    // No new privileges and no core dumps are inherited: the launcher gave up both for itself.
    keep_standard_streams_only()?;
    // The copy moves to a handle that closes when the program starts; standard input becomes empty.
    let program = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?;
    let nothing = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&nothing)?;
    Err(Command::new(memory::by_descriptor(&program))
        .arg0(name)
        .args(arguments)
        .exec())
}

// What the host left open is no part of the description. It closes when the program starts.
#[expect(
    unsafe_code,
    reason = "there is no safe way to name a handle that one did not open"
)]
fn keep_standard_streams_only() -> io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if number > STANDARD_ERROR {
            // SAFETY: the handle was open a moment ago, and this process has one thread, which closes none meanwhile.
            let handle = unsafe { BorrowedFd::borrow_raw(number) };
            rustix::io::fcntl_setfd(handle, FdFlags::CLOEXEC)?;
        }
    }
    Ok(())
}

const STANDARD_ERROR: RawFd = 2;
