//! `strongroom measure`

use std::path::PathBuf;

use strongroom_client::workload;

use crate::context::Context;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The platform `software` measures a program by the SHA-256 of its executable, libraries not \
included, and protects nothing. Other platforms measure otherwise: take their measurements from whoever publishes the \
program."
)]
pub(crate) struct Args {
    /// The executable.
    file: PathBuf,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let measurement = workload::measure(&args.file)?;
    let result = serde_json::json!({ "platform": "software", "measurement": measurement, "file": args.file });
    context.output.result(&result, || {
        format!("measurement: {measurement} (platform software)")
    })
}
