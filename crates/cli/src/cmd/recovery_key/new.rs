//! `strongroom recovery-key new`

use std::path::PathBuf;

use strongroom_client::files::Existing;
use strongroom_client::recovery;

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the holder; becomes the files' name.
    name: String,

    /// Folder for NAME.recovery.pem (for the manifest) and NAME.recovery.key.pem (for the holder alone).
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,

    /// Replace files that are there already.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    let (public, private) = recovery::new_key(&args.name, &args.out, existing)?;
    let result = serde_json::json!({ "public_key": public, "private_key": private });
    context.output.result(&result, || {
        format!(
            "public key: {} (for `RecoveryKeys` of the manifest)\nprivate key: {} (keep it to yourself)",
            public.display(),
            private.display()
        )
    })
}
