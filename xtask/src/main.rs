//! The chores of the project as one program that spawns cargo, git and the programs. It depends on no crate of ours and
//! on few others: `cargo demo` builds it first, so it must compile in seconds.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people at a terminal"
)]

mod bench;
mod cargo;
mod check;
mod codegen;
mod demo;
mod metadata;
mod mutants;
mod release;
mod tidy;
mod wasm;

use std::{env, ffi::OsString, process::ExitCode};

use anyhow::{Result, bail};

const HELP: &str = "\
usage: cargo xtask CHORE [ARGUMENTS]

  check                 formatting, lints and tidy: what every commit passes
  tidy                  the house rules that a compiler does not know (xtask/src/tidy, one file each)
  codegen               writes the generated protobuf code again (crates/api/src/generated)
  demo [--] [ARGUMENTS] builds the programs and plays the seven steps and the attacks; also `cargo demo`
  bench NAME [ARGUMENTS]  one benchmark of benches/, with its baseline in the same run
  mutants [--demo | NAME…]  takes checks out of a copy of the sources, and sees tests or the demo notice
  release [--profile P] builds what is shipped (no simulation) and searches it for simulation code; P is `dist` unless said
  wasm                  builds the verifier for WebAssembly, and lets Node verify samples with it
  help                  this text
";

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let chore = arguments.next().unwrap_or_else(|| "help".into());
    match run(&chore.to_string_lossy(), arguments.collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &str, arguments: Vec<OsString>) -> Result<ExitCode> {
    match chore {
        "tidy" => no_more(arguments).and_then(|()| tidy::run()),
        "check" => no_more(arguments).and_then(|()| check::run()),
        "codegen" => no_more(arguments).and_then(|()| codegen::run()),
        "demo" => Ok(demo::run(arguments)),
        "bench" => bench::run(arguments),
        "mutants" => mutants::run(&arguments),
        "release" => release::run(&arguments),
        "wasm" => no_more(arguments).and_then(|()| wasm::run()),
        "soak" => bail!("there are no long runs yet; `cargo xtask bench` has the short ones"),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!("there is no chore {other:?}; `cargo xtask help` lists them"),
    }
}

fn no_more(arguments: Vec<OsString>) -> Result<()> {
    match arguments.first() {
        None => Ok(()),
        Some(extra) => bail!("this chore takes no arguments, found {extra:?}"),
    }
}
