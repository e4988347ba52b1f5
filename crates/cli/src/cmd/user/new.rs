//! `strongroom user new`

use std::path::PathBuf;

use strongroom_client::files::Existing;
use strongroom_client::{UserIdentity, sha256};

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The user's name; becomes the certificate's common name and the files' name.
    name: String,

    /// Folder for NAME.pem (for the manifest) and NAME.key.pem (for the user alone).
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,

    /// Replace files that are there already.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let user = UserIdentity::new(&args.name, context.now, &context.random)?;
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    let (certificate, key) = user.save(&args.out, existing)?;
    let fingerprint = sha256(user.certificate().der());
    let not_after = user.certificate().not_after();
    let result = serde_json::json!({
        "certificate": certificate, "key": key, "sha256": fingerprint, "not_after": not_after.to_string(),
    });
    context.output.result(&result, || {
        format!(
            "certificate: {} (valid until {not_after}, SHA-256 {fingerprint})\nprivate key: {} (keep it to yourself)",
            certificate.display(),
            key.display()
        )
    })
}
