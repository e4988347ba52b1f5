//! Sample files that other packages ship with their sources, found where cargo keeps them, and texts that are checked in.

#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part")]

use std::path::PathBuf;
use std::process::Command;

/// The folder of a package that the lock file names.
pub(crate) fn package(name: &str) -> PathBuf {
    let made = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    let package = packages.iter().find(|package| package["name"] == name);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let mut folder = PathBuf::from(manifest.expect("a package of the lock file"));
    folder.pop();
    folder
}

/// Holds `text` against what is checked in under `snapshots`; `STRONGROOM_BLESS=1` writes it.
pub(crate) fn compare(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/snapshots")
        .join(name);
    if std::env::var_os("STRONGROOM_BLESS").is_some() {
        std::fs::write(&path, text).expect("writable");
    }
    let expected = std::fs::read_to_string(&path).expect("checked in");
    assert_eq!(text, expected, "{name}");
}
