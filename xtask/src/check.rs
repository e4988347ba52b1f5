//! What every commit passes: formatting, lints, house rules.

use std::process::ExitCode;

use anyhow::Result;

use crate::{cargo, tidy};

pub(crate) fn run() -> Result<ExitCode> {
    cargo::must(&mut cargo::command(["fmt", "--all", "--check"]))?;
    cargo::must(&mut cargo::command([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    tidy::run()
}
