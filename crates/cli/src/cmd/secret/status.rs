//! `strongroom secret status`

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
    let status = Coordinator::at(&args.host)?
        .pinned(&trust, &caller)
        .await?
        .status()
        .await?;
    context.output.result(&status.secrets, || {
        let line = |(name, secret): (&String, &strongroom_client::SecretStatus)| {
            let set = if secret.set { "set" } else { "NOT SET" };
            let guarded = if secret.guarded { "guarded" } else { "not guarded" };
            format!("{name}: {set}, {guarded}")
        };
        if status.secrets.is_empty() {
            return "the manifest has no secrets".to_owned();
        }
        status.secrets.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}
