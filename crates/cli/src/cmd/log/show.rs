//! `strongroom log show`

use std::path::PathBuf;

use strongroom_client::files::{self, Existing, Visibility};
use strongroom_client::log;
use strongroom_client::{Coordinator, Trust};

use crate::context::{Context, User};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address of the coordinator: HOST or HOST:PORT.
    host: String,

    /// Trust file of the deployment: the log has to continue the one that it pins.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,

    /// Write the log here, for `log verify`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    user: User,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let trust = Trust::load(&args.trust)?;
    let identity = args.user.load(context)?;
    let caller = context.caller(identity.as_ref());
    let log = Coordinator::at(&args.host)?
        .pinned(&trust, &caller)
        .await?
        .log()
        .await?;
    let verdict = log.verify(Some(&trust)).map_err(strongroom_client::Error::from)?;
    if let Some(out) = &args.out {
        files::write(
            out,
            log.to_json().as_bytes(),
            Visibility::Public,
            Existing::Replace,
        )?;
    }
    context.output.result(&log, || {
        let mut lines: Vec<String> = log.entries().iter().zip(0..).map(log::describe).collect();
        lines.push(super::verify::text(&verdict));
        lines.join("\n")
    })
}
