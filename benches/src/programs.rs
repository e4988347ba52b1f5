//! The programs that are measured: where they lie, started with a log each, ended with their value.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;

/// The folder of our programs, built with the software platform.
pub struct Programs(PathBuf);

impl Programs {
    /// `given`; else the release folder of the root workspace, which is where `cargo demo` puts them.
    ///
    /// # Errors
    /// Says where was looked, and what builds them.
    pub fn find(given: Option<PathBuf>, needed: &[&str]) -> Result<Self, Failure> {
        let candidates = match given {
            Some(folder) => vec![folder],
            None => usual(),
        };
        let whole = |folder: &PathBuf| needed.iter().all(|name| folder.join(name).is_file());
        match candidates.iter().find(|folder| whole(folder)) {
            Some(folder) => Ok(Self(folder.canonicalize()?)),
            None => {
                let looked: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
                Err(format!(
                    "{} are not all in {}; `cargo demo` builds them, `--programs FOLDER` names another folder",
                    needed.join(", "),
                    looked.join(" or ")
                )
                .into())
            }
        }
    }

    /// The path of a program.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A command of a program, with nothing of this environment.
    #[must_use]
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.path(name));
        command.env_clear().stdin(Stdio::null());
        for kept in ["PATH", "HOME"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
    }
}

fn usual() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        folders.push(PathBuf::from(target).join("release"));
    }
    // Cargo says where this package lies when it runs a program of it.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    folders.push(
        package
            .unwrap_or_else(|| PathBuf::from("benches"))
            .join("../target/release"),
    );
    folders
}

/// A running program. It is killed when this is dropped.
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts a program; what it prints goes to `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self, Failure> {
        let file = File::create(log)?;
        command.stdout(file.try_clone()?).stderr(file);
        let child = command
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `sign` gives something.
    ///
    /// # Errors
    /// When the program ends before, or takes too long: with the end of its log.
    pub fn wait_for<T>(&mut self, mut sign: impl FnMut() -> Option<T>) -> Result<T, Failure> {
        let started = Instant::now();
        loop {
            if let Some(value) = sign() {
                return Ok(value);
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let mut end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
                if end.contains("not built into this program") {
                    end += "\nThese programs are without the software platform: `cargo demo` builds them with it";
                }
                return Err(format!("{} was not ready ({ended:?}); its log ends:\n{end}", self.name).into());
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Processor time that a process and its threads took so far, to a hundredth of a second (proc(5): fields 14 and 15 of
/// `stat`, in ticks of `USER_HZ`, which is 100 on Linux).
///
/// # Errors
/// When there is no such process.
pub fn processor_time(process: u32) -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in field 2 may hold blanks and brackets.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks = |field: usize| {
        fields
            .split_whitespace()
            .nth(field - 3)
            .and_then(|text| text.parse::<u64>().ok())
    };
    match (ticks(14), ticks(15)) {
        (Some(user), Some(system)) => Ok(Duration::from_millis(10 * (user + system))),
        _ => Err("the kernel tells no processor time".into()),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);
const LOG_LINES: usize = 12;
