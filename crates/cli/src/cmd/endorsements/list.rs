//! `strongroom endorsements list`

use std::path::PathBuf;

use strongroom_client::{Coordinator, Endorsement, Trust, UnixTime};

use crate::context::{self, Context};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address of the coordinator: HOST or HOST:PORT.
    host: String,

    /// Trust file of the deployment, as `deployment verify` wrote it.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,

    /// Certificate of a user of the manifest (PEM).
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,

    /// Private key of that user (PKCS#8 PEM).
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let trust = Trust::load(&args.trust)?;
    let identity = context::load(&args.cert, &args.key, context)?;
    let caller = context.caller(Some(&identity));
    let coordinator = Coordinator::at(&args.host)?.pinned(&trust, &caller).await?;
    let kept = coordinator.endorsements().await?;
    context.output.result(&kept, || {
        if kept.endorsements.is_empty() {
            return "the coordinator keeps no endorsements".to_owned();
        }
        let mut lines: Vec<String> = kept
            .endorsements
            .iter()
            .map(|one| line(one, context.now))
            .collect();
        lines.extend(kept.evaluation_floors.iter().map(|(family, number)| {
            format!("platform family {family}: TCB information before evaluation {number} is not used")
        }));
        lines.join("\n")
    })
}

fn line(endorsement: &Endorsement, now: UnixTime) -> String {
    let subject = endorsement.subject.as_deref().unwrap_or("-");
    let end = match endorsement.valid_until.map(UnixTime) {
        None => "no end".to_owned(),
        Some(until) if until < now => format!("OVER since {until}"),
        Some(until) => format!("until {until}"),
    };
    let (digest, kind, bytes) = (endorsement.digest, &endorsement.kind, endorsement.bytes);
    format!("{digest}  {kind}  {subject}  {bytes} bytes  {end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_says_so() {
        let json = serde_json::json!({
            "digest": "00".repeat(32), "kind": "collateral", "bytes": 7, "subject": "TDX 00906ed50000",
            "valid_from": 0, "valid_until": 1000,
        });
        let endorsement: Endorsement = serde_json::from_value(json).unwrap();
        assert!(line(&endorsement, UnixTime(999)).ends_with("until 1970-01-01T00:16:40Z"));
        assert!(line(&endorsement, UnixTime(1001)).contains("OVER since"));
    }
}
