//! `strongroom manifest …`

mod check;
mod digest;
mod get;
mod set;

use clap::Subcommand;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything that is wrong with a manifest, and what is unwise.
    Check(check::Args),
    /// Print a manifest's digest, which policies name.
    Digest(digest::Args),
    /// Give a verified coordinator its manifest.
    Set(set::Args),
    /// Print the manifest in force, if it is the one that the trust file pins.
    Get(get::Args),
}

pub(crate) async fn run(verb: Command, context: &Context) -> anyhow::Result<()> {
    match verb {
        Command::Check(args) => check::run(&args, context),
        Command::Digest(args) => digest::run(&args, context),
        Command::Set(args) => set::run(&args, context).await,
        Command::Get(args) => get::run(&args, context).await,
    }
}
