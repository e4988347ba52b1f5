//! Writes the generated protobuf code again. The generator is a test of the `api` crate that compares what is checked in
//! with what it makes, in pure Rust; blessed, it writes instead. So there is one generator, and building needs none.

use std::process::ExitCode;

use anyhow::Result;

use crate::cargo;

pub(crate) fn run() -> Result<ExitCode> {
    let mut test = cargo::command(["test", "-p", "strongroom-api", "--test", "codegen"]);
    cargo::must(test.env("STRONGROOM_BLESS", "1"))?;
    Ok(ExitCode::SUCCESS)
}
