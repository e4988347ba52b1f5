//! The command line: arguments, client, text. It has nothing of its own: whatever a command does, the SDK does.

mod args;
mod cmd;
mod context;
mod failure;
mod output;
mod progress;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser as _;

use crate::args::Cli;
use crate::context::Context;
use crate::failure::Failure;

/// Runs one command. Results go to standard output; errors, and what is said besides, to standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>, now: SystemTime) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return failure::usage(&error, asks_for_json(&arguments)),
    };
    init_logging();
    let context = Context::new(cli.json, now.into());
    match cmd::run(cli.command, &context) {
        Ok(code) => code,
        Err(error) => Failure::of(&error).report(&context),
    }
}

/// Whether `--json` was given, for arguments that could not be understood otherwise.
fn asks_for_json(arguments: &[OsString]) -> bool {
    arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .any(|argument| argument == "--json")
}

/// Silent unless `STRONGROOM_LOG` asks for more: a command speaks through its output.
fn init_logging() {
    let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("STRONGROOM_LOG") else {
        return;
    };
    // Fails only where a subscriber is there already, which is as good.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}
