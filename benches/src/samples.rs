//! Sample files that other packages ship with their sources, found where cargo keeps them.

use std::path::PathBuf;
use std::process::Command;

use crate::Failure;

/// The folder of a package that this workspace's lock file names.
///
/// # Errors
/// When cargo does not run, or knows no such package.
pub fn package(name: &str) -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let made = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&made.stdout)?;
    let packages = metadata["packages"]
        .as_array()
        .ok_or("cargo metadata lists no packages")?;
    let package = packages.iter().find(|package| package["name"] == name);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let mut folder = PathBuf::from(manifest.ok_or_else(|| format!("no package {name}"))?);
    folder.pop();
    Ok(folder)
}
