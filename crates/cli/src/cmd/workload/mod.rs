//! `strongroom workload …`

mod digest;
mod draft;

use clap::Subcommand;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a description, and print the digest that a manifest's package names.
    Digest(digest::Args),
    /// Draft a description of a program.
    Draft(draft::Args),
}

pub(crate) fn run(verb: &Command, context: &Context) -> anyhow::Result<()> {
    match verb {
        Command::Digest(args) => digest::run(args, context),
        Command::Draft(args) => draft::run(args, context),
    }
}
