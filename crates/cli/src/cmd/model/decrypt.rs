//! `strongroom model decrypt`

use std::path::PathBuf;

use strongroom_client::model;

use crate::context::Context;
use crate::progress::Bar;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Path or store URL of the bundle: file://, s3://, gs://, az://, https://.
    url: String,

    /// Folder to make; readable by you alone. It appears when all of it is verified.
    folder: PathBuf,

    /// File with the model key (32 bytes).
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Digest that the bundle has to have, as `model encrypt` printed it.
    #[arg(long, value_name = "HEX")]
    digest: strongroom_client::BundleDigest,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let key = super::load_key(&args.key, context)?;
    let bar = Bar::new(context, "decrypting");
    model::decrypt(&args.url, &args.folder, &key, &args.digest, bar.progress()).await?;
    drop(bar);
    let result = serde_json::json!({ "digest": args.digest, "folder": args.folder });
    context.output.result(&result, || {
        format!("decrypted and verified into {}", args.folder.display())
    })
}
