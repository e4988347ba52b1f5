//! `strongroom model inspect`

use strongroom_client::model;

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Path or store URL of the bundle: file://, s3://, gs://, az://, https://.
    url: String,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let found = model::inspect(&args.url).await?;
    context.output.result(&found, || {
        let keys: Vec<String> = found.key_ids.iter().map(ToString::to_string).collect();
        format!(
            "digest: {}\nkey ids: {}\nlayout {}, {}\n{} bytes stored; {} bytes of content, padded, in {} chunks of {} bytes\n\
             The digest is computed from what the store serves: compare it with the one you expect.",
            found.digest,
            keys.join(", "),
            found.version,
            found.suite,
            found.stored_bytes,
            found.content_bytes_padded,
            found.content_chunks,
            found.chunk_bytes
        )
    })
}
