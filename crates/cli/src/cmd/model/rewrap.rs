//! `strongroom model rewrap`

use std::path::PathBuf;

use strongroom_client::model;

use crate::context::Context;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Takes nothing back: whoever has the old key and a copy of the bundle from before can still \
open that copy. To lock somebody out, encrypt the model anew and name the new digest in the manifest."
)]
pub(crate) struct Args {
    /// Path or store URL of the bundle: file://, s3://, gs://, az://.
    url: String,

    /// File with the key that opens it now (32 bytes).
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// File with the key that is to open it (32 bytes).
    #[arg(long, value_name = "FILE")]
    new_key: PathBuf,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let (old, new) = (
        super::load_key(&args.key, context)?,
        super::load_key(&args.new_key, context)?,
    );
    let rewrapped = model::rewrap(&args.url, &old, &new, &context.random).await?;
    let result = serde_json::json!({ "digest": rewrapped.digest, "key_id": rewrapped.key_id });
    context.output.result(&result, || {
        format!(
            "digest: {} (as before)\nkey id: {}\nOlder copies still open with the old key.",
            rewrapped.digest, rewrapped.key_id
        )
    })
}
