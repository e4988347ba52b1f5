//! `strongroom manifest check`

use std::path::PathBuf;

use strongroom_client::manifest;

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The manifest (JSON).
    file: PathBuf,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let checked = manifest::check(&args.file, context.now)?;
    context.output.result(&checked, || {
        let warnings = checked
            .warnings
            .iter()
            .map(|warning| format!("\nwarning[{}]: {warning}", warning.code));
        format!(
            "the manifest holds\ndigest: {}{}",
            checked.digest,
            warnings.collect::<String>()
        )
    })
}
