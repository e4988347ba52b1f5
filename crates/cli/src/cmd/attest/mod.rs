//! `strongroom attest …`

mod doctor;
mod explain;
mod input;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what this machine could attest with, and what is missing.
    Doctor,
    /// Check evidence in a file: every check, what was found, and the verdict. Without any network.
    Verify(verify::Args),
    /// Check evidence, or read the report of a check, and say what to do about everything that does not hold.
    Explain(explain::Args),
}

pub(crate) fn run(verb: &Command, context: &Context) -> anyhow::Result<ExitCode> {
    match verb {
        Command::Doctor => doctor::run(context).map(|()| ExitCode::SUCCESS),
        Command::Verify(args) => verify::run(args, context),
        Command::Explain(args) => explain::run(args, context),
    }
}

/// Evidence that is read and refused. Nothing failed: the answer is no.
const REFUSED: u8 = 1;
