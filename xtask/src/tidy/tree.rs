//! The project's own text: what git tracks or would track, read once.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

/// All text files of the project.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

/// One text file; what is not UTF-8 (pictures, models) is not in the tree.
#[derive(Debug)]
pub(super) struct File {
    /// From the project's root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl Tree {
    /// Asks git which files there are: tracked ones, and new ones that it does not ignore.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root);
        let output = git.output().context("could not start git")?;
        if !output.status.success() {
            bail!(
                "git ls-files: {}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        let listing = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
        let mut files = Vec::new();
        for path in listing.split_terminator('\0') {
            // A file that git tracks and the author has just deleted is not an error.
            let Ok(bytes) = fs::read(root.join(path)) else {
                continue;
            };
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(File {
                    path: path.to_owned(),
                    text,
                });
            }
        }
        Ok(Self { files })
    }

    /// Rust sources that people write.
    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files
            .iter()
            .filter(|file| file.path.ends_with(".rs") && !file.is_generated())
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }
}

impl File {
    /// Lines with their numbers, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// Written by `cargo xtask codegen` and compared by a test.
    pub(super) fn is_generated(&self) -> bool {
        self.path.contains("/generated/")
    }
}
