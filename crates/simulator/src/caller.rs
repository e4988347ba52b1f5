//! Who asks: the process that connected, by its pid, and the executable that it runs, hashed through a descriptor so
//! that no path is looked up twice.
//!
//! The measurement is taken before the challenge leaves, and looked at again when the question has come: a process that
//! execs another program in between, or a new process under an old pid, is refused.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, PoisonError};

use strongroom_crypto::digest::{Digest32, Sha256};
use strongroom_crypto::time::UnixTime;

/// A caller cannot be measured, or is no longer who was measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallerError {
    /// The kernel does not say who it is.
    #[error("the caller's process cannot be told: it must run on this machine, in this process namespace")]
    Unknown,
    /// Its executable cannot be read.
    #[error(
        "the caller's executable cannot be read; a program that forbids inspection cannot be measured here"
    )]
    Unreadable(#[source] io::Error),
    /// It ended, or runs another program now.
    #[error("the caller is no longer the program that was measured")]
    Changed,
}

/// A measured process.
#[derive(Debug)]
pub(crate) struct Caller {
    pid: i32,
    started: u64,
    /// Held open, so that the file's number cannot be given to another file.
    executable: File,
    measurement: Digest32,
}

impl Caller {
    /// Measures the process `pid`. Reads its whole executable, unless a recent measurement of that file still holds.
    pub(crate) fn measure(pid: i32, known: &Measurements, now: UnixTime) -> Result<Self, CallerError> {
        if pid <= 0 {
            return Err(CallerError::Unknown);
        }
        let started = started(pid).ok_or(CallerError::Unknown)?;
        let executable = File::open(format!("/proc/{pid}/exe")).map_err(CallerError::Unreadable)?;
        let measurement = known.of(&executable, now).map_err(CallerError::Unreadable)?;
        let caller = Self {
            pid,
            started,
            executable,
            measurement,
        };
        caller.check_unchanged()?;
        Ok(caller)
    }

    pub(crate) const fn pid(&self) -> i32 {
        self.pid
    }

    pub(crate) const fn measurement(&self) -> &Digest32 {
        &self.measurement
    }

    /// Checks that the process still is the one that was measured, and still runs what was measured.
    pub(crate) fn check_unchanged(&self) -> Result<(), CallerError> {
        let now = fs::metadata(format!("/proc/{}/exe", self.pid)).map_err(|_| CallerError::Changed)?;
        let then = self.executable.metadata().map_err(|_| CallerError::Changed)?;
        let same_file = (now.dev(), now.ino()) == (then.dev(), then.ino());
        if same_file && started(self.pid) == Some(self.started) {
            Ok(())
        } else {
            Err(CallerError::Changed)
        }
    }
}

/// When a process began, in clock ticks since boot: field 22 of `/proc/PID/stat` (proc(5)).
fn started(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in brackets, and may hold brackets and blanks itself.
    let (_, after_command) = stat.rsplit_once(')')?;
    after_command.split_whitespace().nth(19)?.parse().ok()
}

/// Measurements of files, kept while the file's change time says that they hold.
#[derive(Debug, Default)]
pub(crate) struct Measurements(Mutex<HashMap<FileState, Digest32>>);

type FileState = (u64, u64, u64, i64, i64, i64, i64);

/// More files than a test machine runs; beyond them, all are measured again.
const FILES_MAX: usize = 256;

/// A file changed within so many seconds may change again without its change time showing it.
const SETTLED_SECONDS: u64 = 2;

impl Measurements {
    fn of(&self, file: &File, now: UnixTime) -> io::Result<Digest32> {
        let state = file_state(file)?;
        if let Some(known) = self.lock().get(&state) {
            return Ok(*known);
        }
        let measurement = hash(file)?;
        let changed_at = UnixTime(u64::try_from(state.5).unwrap_or(u64::MAX));
        if file_state(file)? == state && changed_at.plus(SETTLED_SECONDS) < now {
            let mut files = self.lock();
            if files.len() >= FILES_MAX {
                files.clear();
            }
            files.insert(state, measurement);
        }
        Ok(measurement)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<FileState, Digest32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn file_state(file: &File) -> io::Result<FileState> {
    let now = file.metadata()?;
    Ok((
        now.dev(),
        now.ino(),
        now.size(),
        now.mtime(),
        now.mtime_nsec(),
        now.ctime(),
        now.ctime_nsec(),
    ))
}

fn hash(mut file: &File) -> io::Result<Digest32> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    const NOW: UnixTime = UnixTime(4_000_000_000);

    #[test]
    fn measures_the_executable_of_a_process() {
        let pid = i32::try_from(std::process::id()).expect("a pid");
        let caller = Caller::measure(pid, &Measurements::default(), NOW).expect("this process");
        let own = fs::read("/proc/self/exe").expect("this program");
        assert_eq!(*caller.measurement(), strongroom_crypto::digest::sha256(&own));
        caller.check_unchanged().expect("it is still the same");
    }

    #[test]
    fn a_process_that_execs_another_program_is_no_longer_the_one_measured() {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "read line; exec sleep 60"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut child = shell.spawn().expect("a shell");
        let pid = i32::try_from(child.id()).expect("a pid");
        let caller = Caller::measure(pid, &Measurements::default(), NOW).expect("the shell");
        caller.check_unchanged().expect("it is still the shell");

        child
            .stdin
            .take()
            .expect("piped")
            .write_all(b"go\n")
            .expect("the shell reads");
        let shell = fs::read_link("/proc/self/exe").expect("a link");
        while fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sh") {
            std::thread::yield_now();
        }
        assert!(
            matches!(caller.check_unchanged(), Err(CallerError::Changed)),
            "not {shell:?} any more"
        );

        child.kill().expect("own child");
        child.wait().expect("own child");
        assert!(
            matches!(caller.check_unchanged(), Err(CallerError::Changed)),
            "it ended"
        );
    }

    #[test]
    fn a_file_that_changed_just_now_is_measured_again() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let known = Measurements::default();
        fs::write(file.path(), "first").expect("writable");
        let open = || File::open(file.path()).expect("readable");
        let changed = UnixTime(u64::try_from(open().metadata().expect("there").ctime()).expect("after 1970"));
        known.of(&open(), changed).expect("readable");
        assert_eq!(
            known.lock().len(),
            0,
            "nothing is kept of a file that may still change"
        );
        known.of(&open(), changed.plus(60)).expect("readable");
        assert_eq!(known.lock().len(), 1);
        fs::write(file.path(), "other").expect("writable");
        assert_eq!(
            known.of(&open(), changed).expect("readable"),
            strongroom_crypto::digest::sha256(b"other")
        );
    }

    #[test]
    fn refuses_a_pid_that_is_none() {
        for pid in [0, -1, i32::MAX] {
            assert!(Caller::measure(pid, &Measurements::default(), NOW).is_err());
        }
    }
}
