//! The workload as a child: start, signals, reaping, end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group, wait};
use tokio::signal::unix::{self, SignalKind};

use crate::measure::SealedProgram;
use crate::memory;
use crate::stage;

/// Signals to this process, from before the child exists, so that none is missed.
#[derive(Debug)]
pub struct Signals {
    child: unix::Signal,
    forwarded: Vec<(Signal, unix::Signal)>,
}

/// What arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// Some child changed its state.
    Child,
    /// A signal that is the program's.
    Forward(Signal),
}

impl Signals {
    /// Installs the handlers. Needs a running tokio runtime.
    ///
    /// # Errors
    /// When a handler cannot be installed.
    pub fn install() -> io::Result<Self> {
        let forwarded = FORWARDED
            .iter()
            .map(|signal| Ok((*signal, unix::signal(SignalKind::from_raw(signal.as_raw()))?)))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            child: unix::signal(SignalKind::child())?,
            forwarded,
        })
    }

    /// Waits for the next one. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Arrived {
        std::future::poll_fn(|context| {
            for (signal, stream) in &mut self.forwarded {
                if stream.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(Arrived::Forward(*signal));
                }
            }
            self.child.poll_recv(context).map(|_| Arrived::Child)
        })
        .await
    }

    /// Waits for a signal that asks the launcher itself to end, while there is no child yet.
    pub async fn asked_to_end(&mut self) -> Signal {
        loop {
            match self.next().await {
                Arrived::Forward(signal) if ENDING.contains(&signal) => return signal,
                _ => {}
            }
        }
    }
}

/// A running workload. Leads a process group of its own.
#[derive(Debug)]
pub struct Child {
    process: Pid,
}

impl Child {
    /// Starts the sealed program with exactly this environment and argument vector, through the stage in `launcher`
    /// (this program's own executable).
    ///
    /// To be called on a thread that lives as long as the launcher: the child ends with the thread that started it.
    ///
    /// # Errors
    /// When no process can be started. That the stage fails shows in its log line and exit code.
    pub fn start(
        launcher: &Path,
        program: &SealedProgram,
        argv: &[String],
        environment: &BTreeMap<String, OsString>,
    ) -> io::Result<Self> {
        let handle = memory::duplicate(program.handle())?;
        let child = Command::new(launcher)
            .arg(stage::ARGUMENT)
            .arg(getpid().as_raw_nonzero().to_string())
            .args(argv)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::from(handle))
            .process_group(0)
            .spawn()?;
        let process = Pid::from_child(&child);
        // Reaped by `reap`, together with every other child.
        drop(child);
        Ok(Self { process })
    }

    /// The child's process id.
    #[must_use]
    pub fn process(&self) -> Pid {
        self.process
    }

    /// Sends the child a signal.
    pub fn signal(&self, signal: Signal) {
        if let Err(error) = kill_process(self.process, signal) {
            tracing::warn!(?signal, %error, "the program cannot be signalled");
        }
    }

    /// Takes in every child that ended, orphans of the program among them. Returns the exit code once the program
    /// itself did.
    pub fn reap(&self) -> Option<u8> {
        let mut ended = None;
        while let Ok(Some((process, status))) = wait(WaitOptions::NOHANG) {
            if process == self.process {
                ended = exit_code(status);
            }
        }
        ended
    }

    /// Ends whatever the program left running in its process group.
    pub fn end_group(&self) {
        // There usually is nothing left, and then nobody to signal.
        let _ = kill_process_group(self.process, Signal::KILL);
    }
}

/// A shell's convention: the exit code, or 128 and the signal's number.
fn exit_code(status: WaitStatus) -> Option<u8> {
    let code = status
        .exit_status()
        .or_else(|| status.terminating_signal().map(|signal| 128 + signal))?;
    Some(u8::try_from(code).unwrap_or(u8::MAX))
}

/// Signals that are the program's.
const FORWARDED: [Signal; 6] = [
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
];
/// Those of them that end a launcher without a program.
const ENDING: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT];
