//! `strongroom log verify`

use std::path::PathBuf;

use strongroom_client::log::{LogFile, LogVerdict};
use strongroom_client::{Error, Trust, files};

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The log, as `log show --out` wrote it.
    file: PathBuf,

    /// Trust file of the deployment. Without it the file vouches for itself: it may be another deployment's log.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let log = LogFile::parse(&files::read(&args.file)?).map_err(Error::from)?;
    let trust = args.trust.as_deref().map(Trust::load).transpose()?;
    let verdict = log.verify(trust.as_ref()).map_err(Error::from)?;
    context.output.result(&verdict, || text(&verdict))
}

pub(super) fn text(verdict: &LogVerdict) -> String {
    let head = &verdict.head;
    let mut lines = vec![format!(
        "the chain holds: {} entries, epoch {}, {}",
        head.size, head.epoch, head.hash
    )];
    lines.push(match (verdict.signed_entries, verdict.signed_at) {
        (Some(entries), Some(time)) => format!("signed by the log key up to entry {entries}, at {time}"),
        _ => "not signed yet: there is no checkpoint".to_owned(),
    });
    lines.push(if verdict.pinned {
        "it continues the log that the trust file pins, under the same root".to_owned()
    } else {
        "without a trust file the file vouches for itself".to_owned()
    });
    lines.join("\n")
}
