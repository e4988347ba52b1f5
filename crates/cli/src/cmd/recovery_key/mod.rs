//! `strongroom recovery-key …`

mod new;

use clap::Subcommand;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a recovery key: the public half for the manifest, the private half for its holder.
    New(new::Args),
}

pub(crate) fn run(verb: &Command, context: &Context) -> anyhow::Result<()> {
    match verb {
        Command::New(args) => new::run(args, context),
    }
}
