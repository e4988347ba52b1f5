//! `strongroom secret …`

mod set;
mod status;

use clap::Subcommand;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify the deployment, then set secrets: all of them, or none.
    Set(set::Args),
    /// Show which secrets are set.
    Status(status::Args),
}

pub(crate) async fn run(verb: Command, context: &Context) -> anyhow::Result<()> {
    match verb {
        Command::Set(args) => set::run(&args, context).await,
        Command::Status(args) => status::run(&args, context).await,
    }
}
