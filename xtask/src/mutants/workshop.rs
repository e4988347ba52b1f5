//! A copy of the sources to work on, with a target folder of its own: the project itself is never touched.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use super::Edit;
use crate::{
    cargo,
    demo::{FEATURES, PACKAGES},
    metadata::{Metadata, Scope},
};

pub(super) struct Workshop {
    tree: PathBuf,
    target: PathBuf,
}

impl Workshop {
    /// Brings the copy up to date. Only files that differ are written, so that cargo builds only what changed; what the
    /// project no longer has goes, or a module that moved would stand there twice.
    pub(super) fn open() -> Result<Self> {
        let target = Metadata::read(Scope::Members)?.target_directory.join("mutants");
        let workshop = Self {
            tree: target.join("tree"),
            target: target.join("target"),
        };
        let listing = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .context("could not start git")?;
        ensure!(
            listing.status.success(),
            "git ls-files failed: this chore needs a checkout"
        );
        let listing = String::from_utf8(listing.stdout).context("a file name is not UTF-8")?;
        let mut kept = BTreeSet::new();
        for path in listing.split_terminator('\0') {
            let Ok(bytes) = fs::read(path) else { continue };
            let copy = workshop.tree.join(path);
            write_if_changed(&copy, &bytes)?;
            kept.insert(copy);
        }
        remove_others(&workshop.tree, &kept)?;
        Ok(workshop)
    }

    /// Makes the edits, does something, and takes the edits back.
    pub(super) fn with<T>(
        &mut self,
        edits: &[Edit],
        something: impl FnOnce(&Self) -> Result<T>,
    ) -> Result<T> {
        let mut originals: Vec<(PathBuf, Vec<u8>)> = Vec::new();
        for edit in edits {
            let path = self.tree.join(edit.file);
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", edit.file))?;
            ensure!(
                text.matches(edit.find).count() == 1,
                "{} does not have this text exactly once: {}",
                edit.file,
                edit.find
            );
            if !originals.iter().any(|(known, _)| known == &path) {
                originals.push((path.clone(), text.clone().into_bytes()));
            }
            fs::write(&path, text.replace(edit.find, edit.replace))
                .with_context(|| format!("writing {}", edit.file))?;
        }
        let done = something(self);
        for (path, bytes) in originals {
            fs::write(&path, bytes).with_context(|| format!("restoring {}", path.display()))?;
        }
        done
    }

    /// Builds the programs and plays the demo; its last line. An error where the demo ends well.
    pub(super) fn demo(&self) -> Result<String> {
        let mut arguments = vec!["build", "--features", FEATURES];
        arguments.extend(PACKAGES.iter().flat_map(|package| ["-p", package]));
        cargo::must(&mut self.cargo(&arguments))?;
        let played = Command::new(self.target.join("debug/strongroom"))
            .arg("demo")
            .stderr(Stdio::inherit())
            .output()
            .context("could not start the demo")?;
        let output = String::from_utf8_lossy(&played.stdout).into_owned();
        eprintln!("{output}");
        let last = output.lines().last().unwrap_or_default().to_owned();
        ensure!(
            !played.status.success(),
            "the demo ends well although a check is missing: {last}"
        );
        Ok(last)
    }

    /// Whether the tests can be built at all: a mutant that does not compile proves nothing.
    pub(super) fn builds(&self, arguments: &[&str]) -> Result<()> {
        let mut all = vec!["test", "-q", "--no-run"];
        all.extend(arguments);
        cargo::must(&mut self.cargo(&all))
    }

    /// Whether the tests pass.
    pub(super) fn tests_pass(&self, arguments: &[&str]) -> Result<bool> {
        let mut all = vec!["test", "-q"];
        all.extend(arguments);
        let output = self.cargo(&all).output().context("could not start cargo")?;
        Ok(output.status.success())
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo::command(arguments);
        command
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.target);
        command
    }
}

fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|known| known == bytes) {
        return Ok(());
    }
    let parent = path.parent().context("a file has a folder")?;
    fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

/// Removes every file below `folder` but those that are kept, and folders that end up empty.
fn remove_others(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            remove_others(&path, kept)?;
            // One that still holds something stays.
            let _ = fs::remove_dir(&path);
        } else if !kept.contains(&path) {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_project_no_longer_has_leaves_the_copy() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let at = |path: &str| folder.path().join(path);
        for path in ["src/lib.rs", "src/moved.rs", "src/gone/mod.rs"] {
            write_if_changed(&at(path), b"").expect("a file");
        }
        remove_others(folder.path(), &BTreeSet::from([at("src/lib.rs")])).expect("removed");
        assert!(at("src/lib.rs").exists());
        assert!(!at("src/moved.rs").exists() && !at("src/gone").exists());
    }
}
