//! `strongroom user …`

mod new;

use clap::Subcommand;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a user's certificate, for the manifest, and the key that proves it.
    New(new::Args),
}

pub(crate) fn run(verb: &Command, context: &Context) -> anyhow::Result<()> {
    match verb {
        Command::New(args) => new::run(args, context),
    }
}
