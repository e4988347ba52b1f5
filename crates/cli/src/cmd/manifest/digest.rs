//! `strongroom manifest digest`

use std::path::PathBuf;

use strongroom_client::manifest;

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The manifest (JSON). Its digest is over the file's bytes: formatting counts.
    file: PathBuf,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let digest = manifest::load(&args.file)?.digest();
    context
        .output
        .result(&serde_json::json!({ "digest": digest }), || {
            format!("digest: {digest}")
        })
}
