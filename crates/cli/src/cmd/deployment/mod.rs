//! `strongroom deployment …`

mod verify;

use clap::Subcommand;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify who runs what, and write a trust file that later commands hold the deployment against.
    Verify(verify::Args),
}

pub(crate) async fn run(verb: Command, context: &Context) -> anyhow::Result<()> {
    match verb {
        Command::Verify(args) => verify::run(&args, context).await,
    }
}
