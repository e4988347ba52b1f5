//! `strongroom policy …`

mod draft;

use clap::Subcommand;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a policy from what you know: program, platform, manifest. Asks nobody.
    Draft(draft::Args),
}

pub(crate) fn run(verb: &Command, context: &Context) -> anyhow::Result<()> {
    match verb {
        Command::Draft(args) => draft::run(args, context),
    }
}
