//! `strongroom model key …`

use std::path::PathBuf;

use clap::Subcommand;
use strongroom_client::files::Existing;
use strongroom_client::model;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new model key.
    New(NewArgs),
    /// Show the name of a key, as bundles carry it.
    Id(IdArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// Where to write the key: 32 bytes, readable by you alone.
    file: PathBuf,

    /// Replace a key that is there already. What it opens is lost with it.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct IdArgs {
    /// File with the model key (32 bytes).
    file: PathBuf,
}

pub(super) fn run(verb: &Command, context: &Context) -> anyhow::Result<()> {
    match verb {
        Command::New(args) => {
            let existing = if args.force {
                Existing::Replace
            } else {
                Existing::Keep
            };
            let id = model::new_key(&args.file, existing, &context.random)?;
            let result = serde_json::json!({ "file": args.file, "key_id": id });
            context.output.result(&result, || {
                format!("key id: {id}\nwritten to {}", args.file.display())
            })
        }
        Command::Id(args) => {
            let id = super::load_key(&args.file, context)?.id();
            context
                .output
                .result(&serde_json::json!({ "key_id": id }), || format!("key id: {id}"))
        }
    }
}
