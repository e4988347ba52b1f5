//! `strongroom attest …`

mod doctor;

use clap::Subcommand;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what this machine could attest with, and what is missing.
    Doctor,
}

pub(crate) fn run(verb: &Command, context: &Context) -> anyhow::Result<()> {
    match verb {
        Command::Doctor => doctor::run(context),
    }
}
