//! `strongroom model verify`

use strongroom_client::model;

use super::Bundle;
use crate::context::Context;
use crate::progress::Bar;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    bundle: Bundle,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let Bundle { url, key, digest } = &args.bundle;
    let key = super::load_key(key, context)?;
    let bar = Bar::new(context, "verifying");
    let verified = model::verify(url, &key, digest, bar.progress()).await?;
    drop(bar);
    context.output.result(&verified, || {
        let files = verified
            .files
            .iter()
            .map(|(name, bytes)| format!("\n  {name}  {bytes} bytes"));
        format!(
            "every byte holds\ndigest: {}{}",
            verified.digest,
            files.collect::<String>()
        )
    })
}
