//! What `cargo metadata` says of the workspace, as far as a chore reads it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::cargo;

/// The workspace as cargo sees it.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    pub(crate) workspace_root: PathBuf,
    /// Where built programs lie; obeys `CARGO_TARGET_DIR`.
    pub(crate) target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) manifest_path: PathBuf,
    /// `None` for a package of the workspace.
    pub(crate) source: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Vec<String>,
    pub(crate) src_path: PathBuf,
}

/// How much to ask cargo for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The members only: quick, and needs no lock file.
    Members,
    /// Every package of the lock file, which must be up to date.
    Everything,
}

impl Metadata {
    /// Asks cargo.
    pub(crate) fn read(scope: Scope) -> Result<Self> {
        let mut command = cargo::command(["metadata", "--format-version=1"]);
        command.arg(match scope {
            Scope::Members => "--no-deps",
            Scope::Everything => "--locked",
        });
        let output = command.output().context("could not start cargo metadata")?;
        if !output.status.success() {
            bail!(
                "cargo metadata: {}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        serde_json::from_slice(&output.stdout).context("cargo metadata answered in an unknown form")
    }

    /// The packages of the workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Where a program of this profile lies once built.
    pub(crate) fn program(&self, profile: &str, name: &str) -> PathBuf {
        self.target_directory.join(profile).join(name)
    }

    /// A path as the project writes it: from its root.
    pub(crate) fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.workspace_root)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}

/// The directory name of a package of ours: what the architecture calls the crate.
pub(crate) fn short(name: &str) -> &str {
    name.strip_prefix("strongroom-").unwrap_or(name)
}
