//! `strongroom endorsements …`

mod add;
mod list;

use clap::Subcommand;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Hand a coordinator what vendors sign about platforms: it verifies with it from then on.
    Add(add::Args),
    /// Show what a coordinator keeps.
    List(list::Args),
}

pub(crate) async fn run(verb: Command, context: &Context) -> anyhow::Result<()> {
    match verb {
        Command::Add(args) => add::run(&args, context).await,
        Command::List(args) => list::run(&args, context).await,
    }
}
