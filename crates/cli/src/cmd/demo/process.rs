//! Long-running programs of the demo: started with their own log, stopped by id, never left behind unasked.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long a program may take until it is ready, or ends.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// A running program.
pub(super) struct Program {
    name: String,
    child: Child,
    log: PathBuf,
    keep: bool,
}

impl Program {
    /// Starts `command`; standard output and error go to `log`.
    pub(super) fn start(name: &str, command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let file = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let errors = file.try_clone().context("sharing a log file")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("starting {name} ({})", command.get_program().display()))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            keep: false,
        })
    }

    /// What the program has written so far.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The lines of the log that are JSON, as our programs write them.
    pub(super) fn lines(&self) -> impl Iterator<Item = Value> + use<> {
        json_lines(&self.log()).collect::<Vec<_>>().into_iter()
    }

    /// Waits until `sign` says that it is ready.
    pub(super) fn wait_until(
        &mut self,
        what: &str,
        mut sign: impl FnMut(&Self) -> bool,
    ) -> anyhow::Result<()> {
        let start = Instant::now();
        while !sign(self) {
            if let Some(status) = self.child.try_wait().context("waiting for a program")? {
                bail!(
                    "{} ended ({status}) before {what}; its log ends:\n{}",
                    self.name,
                    self.end_of_log()
                );
            }
            if start.elapsed() > PATIENCE {
                bail!(
                    "{} took too long until {what}; its log ends:\n{}",
                    self.name,
                    self.end_of_log()
                );
            }
            stop_if_interrupted()?;
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Waits for the first of: `sign` holds (`None`), the program ends (its status).
    pub(super) fn ended_before(
        &mut self,
        mut sign: impl FnMut(&Self) -> bool,
    ) -> anyhow::Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().context("waiting for a program")? {
                return Ok(Some(status));
            }
            if sign(self) {
                return Ok(None);
            }
            if start.elapsed() > PATIENCE {
                bail!(
                    "{} neither got ready nor ended; its log ends:\n{}",
                    self.name,
                    self.end_of_log()
                );
            }
            stop_if_interrupted()?;
            std::thread::sleep(PAUSE);
        }
    }

    /// Asks the program to end (SIGTERM), and insists (SIGKILL) when it does not.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.end()
    }

    fn end(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait().context("looking at a program")?.is_some() {
            return Ok(());
        }
        signal(self.child.id(), rustix::process::Signal::TERM);
        let start = Instant::now();
        while self.child.try_wait().context("waiting for a program")?.is_none() {
            if start.elapsed() > Duration::from_secs(15) {
                self.child.kill().context("killing a program")?;
                self.child.wait().context("waiting for a killed program")?;
                break;
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Lets the program outlive the demo; says how it is found again.
    pub(super) fn keep(&mut self) -> Kept {
        self.keep = true;
        let id = self.child.id();
        Kept {
            name: self.name.clone(),
            id,
            started: started(id),
        }
    }

    fn end_of_log(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !self.keep {
            // Nothing can be done about a failure here, and the next lines of the demo would show it.
            let _ = self.end();
        }
    }
}

/// The lines of a log that are JSON objects.
pub(super) fn json_lines(log: &str) -> impl Iterator<Item = Value> + '_ {
    log.lines().filter_map(|line| serde_json::from_str(line).ok())
}

/// A program that `--keep` left running. The start time keeps a later process with the same id safe.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    name: String,
    id: u32,
    started: Option<String>,
}

/// Where the list of kept programs lies.
pub(super) fn kept_file(folder: &Path) -> PathBuf {
    folder.join("running.json")
}

/// Ends what `--keep` left running below `folder`; says how many programs that were.
pub(super) fn stop_kept(folder: &Path) -> anyhow::Result<usize> {
    let file = kept_file(folder);
    let text = std::fs::read(&file).with_context(|| {
        format!(
            "{} is not there: was this folder made by `demo --keep`?",
            file.display()
        )
    })?;
    let kept: Vec<Kept> =
        serde_json::from_slice(&text).with_context(|| format!("reading {}", file.display()))?;
    let mut stopped = 0;
    for program in kept.iter().rev() {
        if program.started.is_some() && started(program.id) == program.started {
            signal(program.id, rustix::process::Signal::TERM);
            stopped += 1;
        }
    }
    std::fs::remove_file(&file).with_context(|| format!("removing {}", file.display()))?;
    Ok(stopped)
}

/// Runs a command to its end.
pub(super) struct Finished {
    /// Whether it succeeded.
    pub(super) success: bool,
    /// Its exit code; `None` where a signal ended it.
    pub(super) code: Option<i32>,
    /// Standard output.
    pub(super) stdout: String,
    /// Standard error.
    pub(super) stderr: String,
}

/// Runs `command` to its end and collects what it prints.
pub(super) fn finish(command: &mut Command) -> anyhow::Result<Finished> {
    let name = command.get_program().to_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("running {}", Path::new(AsRef::<OsStr>::as_ref(&name)).display()))?;
    Ok(Finished {
        success: output.status.success(),
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From here on, SIGINT and SIGTERM end the demo at its next step, so that it ends what it started.
pub(super) fn heed_interruptions() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("signals")?;
    let enter = runtime.enter();
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals")?;
    drop(enter);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            INTERRUPTED.store(true, Ordering::Relaxed);
        });
    });
    Ok(())
}

/// An error once the demo was asked to end.
pub(super) fn stop_if_interrupted() -> anyhow::Result<()> {
    ensure!(!INTERRUPTED.load(Ordering::Relaxed), "interrupted");
    Ok(())
}

/// Field 22 of `/proc/PID/stat`: clock ticks from boot to the process's start.
fn started(id: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in field 2 may hold spaces and brackets; what follows its last bracket does not.
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(19)
        .map(str::to_owned)
}

fn signal(id: u32, signal: rustix::process::Signal) {
    if let Some(id) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw) {
        // The process may have ended by itself: then there is nothing to do.
        let _ = rustix::process::kill_process(id, signal);
    }
}
