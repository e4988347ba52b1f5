//! Benchmarks live in a workspace of their own (`benches/`), so that their dependencies weigh on nothing else. Each is a
//! program that prints ratios against a baseline measured in the same run.

use std::{ffi::OsString, fs, path::Path, process::ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::{
    cargo,
    metadata::{Metadata, Scope},
};

const MANIFEST: &str = "benches/Cargo.toml";

pub(crate) fn run(mut arguments: Vec<OsString>) -> Result<ExitCode> {
    let root = Metadata::read(Scope::Members)?.workspace_root;
    let known = names(&root)?;
    if arguments.is_empty() {
        bail!("name a benchmark: {}", known.join(", "));
    }
    let name = arguments.remove(0);
    if !known.iter().any(|known| name == **known) {
        bail!("there is no benchmark {name:?}; there are: {}", known.join(", "));
    }
    let mut command = cargo::command(["run", "--release", "--manifest-path", MANIFEST, "--bin"]);
    command.current_dir(&root).arg(name).arg("--").args(arguments);
    Ok(cargo::exit_code(
        command.status().context("could not start cargo run")?,
    ))
}

/// One program per file of `benches/src/bin`.
fn names(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("benches/src/bin");
    let entries = fs::read_dir(&folder).with_context(|| format!("no benchmarks in {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let program = path.is_dir() || path.extension().is_some_and(|extension| extension == "rs");
        if let (true, Some(stem)) = (program, path.file_stem()) {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
