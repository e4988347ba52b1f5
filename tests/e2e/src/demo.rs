//! The demo as a test bed: a whole deployment with a model, left running in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::process::program;

/// A demo that was played to its end and left running; stopped with this value.
#[derive(Debug)]
pub struct KeptDemo {
    folder: tempfile::TempDir,
    output: String,
}

impl KeptDemo {
    /// Plays `strongroom demo --keep`.
    ///
    /// # Panics
    /// If the demo fails.
    #[must_use]
    pub fn play() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("strongroom-e2e-")
            .tempdir()
            .expect("a temporary folder");
        let stage = folder.path().join("demo");
        // Credentials that the caller happens to have are none of a demo's business that keeps the model in a folder.
        let played = Command::new(program("strongroom"))
            .args(["demo", "--keep", "--dir", &stage.display().to_string()])
            .env("AWS_SECRET_ACCESS_KEY", CALLERS_CREDENTIAL)
            .output()
            .expect("the command line starts");
        let output = String::from_utf8_lossy(&played.stdout).into_owned();
        let kept = Self { folder, output };
        assert!(played.status.success(), "the demo failed:\n{}", kept.output);
        kept
    }

    /// What the demo printed.
    #[must_use]
    pub fn output(&self) -> &str {
        &self.output
    }

    /// The folder it played in.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("demo")
    }

    /// Ids of the programs that it left running.
    ///
    /// # Panics
    /// If the demo left no list of them.
    #[must_use]
    pub fn running(&self) -> Vec<u32> {
        let list = std::fs::read(self.folder().join("running.json")).expect("the demo lists what it left");
        let list: serde_json::Value = serde_json::from_slice(&list).expect("the list is JSON");
        let ids = list.as_array().expect("the list is an array").iter();
        ids.map(|kept| {
            kept["id"]
                .as_u64()
                .and_then(|id| u32::try_from(id).ok())
                .expect("an id")
        })
        .collect()
    }

    /// The command that the demo prints after `prefix`, without leading blanks.
    ///
    /// # Panics
    /// If it printed none.
    #[must_use]
    pub fn printed_command(&self, prefix: &str) -> String {
        let mut lines = self.output.lines().map(str::trim);
        lines
            .find(|line| line.starts_with(prefix))
            .unwrap_or_else(|| panic!("no `{prefix}…`"))
            .to_owned()
    }
}

impl Drop for KeptDemo {
    fn drop(&mut self) {
        let _ = strongroom(&["demo", "--stop", &self.folder().display().to_string()]);
    }
}

/// A store credential in the environment of whoever plays the demo.
pub const CALLERS_CREDENTIAL: &str = "canary-4Qk1cVtW7p0Zr3";

/// Runs the command line and waits for its end.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn strongroom(arguments: &[&str]) -> Output {
    Command::new(program("strongroom"))
        .args(arguments)
        .output()
        .expect("the command line starts")
}

/// All files below a folder, links not followed.
///
/// # Panics
/// If the folder cannot be read.
#[must_use]
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let entry = entry.expect("the folder can be read");
        let kind = entry.file_type().expect("an entry has a type");
        if kind.is_dir() {
            found.extend(files_below(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}
