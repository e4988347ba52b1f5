//! `strongroom model encrypt`

use std::path::PathBuf;

use strongroom_client::files::Existing;
use strongroom_client::model;

use super::load_key;
use crate::context::Context;
use crate::progress::Bar;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model: a file, or a folder with all below it.
    source: PathBuf,

    /// Where the bundle goes: a path or a store URL (file://, s3://, gs://, az://). Whoever keeps it sees ciphertext.
    destination: String,

    /// File with the model key (32 bytes).
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// JSON with inputs and the outputs they must give; whoever loads the model checks it with them.
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,

    /// Replace what is at the destination already. Model, reference and key are never written over.
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let key = load_key(&args.key, context)?;
    let bar = Bar::new(context, "encrypting");
    let what = model::Encryption {
        source: &args.source,
        reference: args.reference.as_deref(),
        key_file: Some(&args.key),
        destination: &args.destination,
        existing: if args.force {
            Existing::Replace
        } else {
            Existing::Keep
        },
    };
    let made = model::encrypt(&what, &key, &context.random, bar.progress()).await?;
    drop(bar);
    context.output.result(&made, || {
        format!(
            "digest: {}\nkey id: {}\n{} files, {} bytes, {} bytes stored at {}",
            made.digest, made.key_id, made.files, made.content_bytes, made.stored_bytes, args.destination
        )
    })
}
