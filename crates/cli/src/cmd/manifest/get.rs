//! `strongroom manifest get`

use std::path::PathBuf;

use strongroom_client::{Coordinator, Trust};

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address of the coordinator: HOST or HOST:PORT.
    host: String,

    /// Trust file of the deployment, as `deployment verify` wrote it.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let trust = Trust::load(&args.trust)?;
    let caller = context.caller(None);
    let manifest = Coordinator::at(&args.host)?
        .pinned(&trust, &caller)
        .await?
        .manifest()
        .await?;
    context.output.raw(&manifest)
}
