//! `strongroom model copy`

use strongroom_client::model;

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Path or store URL of the bundle to read: file://, s3://, gs://, az://, https://.
    from: String,

    /// Path or store URL to write to: file://, s3://, gs://, az://.
    to: String,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let bytes = model::copy(&args.from, &args.to).await?;
    let result = serde_json::json!({ "bytes": bytes, "to": args.to });
    context.output.result(&result, || {
        format!("{bytes} bytes copied to {}; nothing was decrypted", args.to)
    })
}
