//! `strongroom log …`

mod show;
mod verify;

use clap::Subcommand;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch the log, verify it, and show it.
    Show(show::Args),
    /// Verify a log file, without any coordinator.
    Verify(verify::Args),
}

pub(crate) async fn run(verb: Command, context: &Context) -> anyhow::Result<()> {
    match verb {
        Command::Show(args) => show::run(&args, context).await,
        Command::Verify(args) => verify::run(&args, context),
    }
}
