//! Running the built program, and what it said.

#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) struct Ran(Output);

impl Ran {
    pub(crate) fn code(&self) -> i32 {
        self.0.status.code().expect("the program was not killed")
    }

    pub(crate) fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.code(), 0, "{}", self.err());
        serde_json::from_slice(&self.0.stdout).unwrap()
    }

    /// The error of a `--json` run.
    pub(crate) fn error(&self) -> serde_json::Value {
        assert_ne!(self.code(), 0, "{}", self.out());
        let mut printed: serde_json::Value = serde_json::from_slice(&self.0.stderr).unwrap();
        printed["error"].take()
    }
}

pub(crate) fn strongroom(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    Ran(command.current_dir(folder).args(arguments).output().unwrap())
}

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The folder of a package that the lock file names: some ship sample files.
pub(crate) fn package(name: &str) -> PathBuf {
    let made = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == name);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = PathBuf::from(manifest.expect("a package of the lock file"));
    manifest.parent().unwrap().to_owned()
}

/// Holds `text` against what is checked in under `snapshots`; `STRONGROOM_BLESS=1` writes it.
pub(crate) fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/snapshots")
        .join(name);
    if std::env::var_os("STRONGROOM_BLESS").is_some() {
        std::fs::write(&path, text).expect("writable");
    }
    let expected = std::fs::read_to_string(&path).expect("checked in");
    assert_eq!(text, expected, "{name}");
}
