//! `strongroom workload digest`

use std::path::PathBuf;

use strongroom_client::workload;

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The description (`strongroom.workload.v1`).
    file: PathBuf,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let measured = workload::digest(&args.file)?;
    context.output.result(&measured, || {
        format!(
            "digest: {}\nprogram: {} (SHA-256 {})",
            measured.digest, measured.program, measured.program_digest
        )
    })
}
