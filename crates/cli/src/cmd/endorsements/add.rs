//! `strongroom endorsements add`

use std::path::PathBuf;

use strongroom_client::{Coordinator, Trust, endorsements};

use crate::context::{self, Context};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A file is DCAP collateral (QuoteCollateralV3, JSON), certificates (PEM or DER), or a revocation list. \
Files are sent in their order; the first that is refused ends the command, and those before it stay."
)]
pub(crate) struct Args {
    /// The files.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Address of the coordinator: HOST or HOST:PORT.
    #[arg(required = true)]
    host: String,

    /// Trust file of the deployment, as `deployment verify` wrote it.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,

    /// Certificate of a user whose role has the action AddEndorsements (PEM).
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,

    /// Private key of that user (PKCS#8 PEM).
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let trust = Trust::load(&args.trust)?;
    let identity = context::load(&args.cert, &args.key, context)?;
    // All are read before the first is sent.
    let mut files = Vec::with_capacity(args.files.len());
    for path in &args.files {
        files.push((path, endorsements::read(path)?));
    }
    let caller = context.caller(Some(&identity));
    let coordinator = Coordinator::at(&args.host)?.pinned(&trust, &caller).await?;
    let mut added = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        let digest = coordinator.add_endorsement(bytes).await?;
        added.push(serde_json::json!({ "file": path, "digest": digest }));
    }
    context.output.result(&added, || {
        let line = |(path, added): (&PathBuf, &serde_json::Value)| {
            format!(
                "added {} ({})",
                path.display(),
                added["digest"].as_str().unwrap_or_default()
            )
        };
        let lines: Vec<String> = args.files.iter().zip(&added).map(line).collect();
        lines.join("\n")
    })
}
