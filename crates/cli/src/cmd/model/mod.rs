//! `strongroom model …`

mod copy;
mod decrypt;
mod encrypt;
mod inspect;
mod key;
mod rewrap;
mod verify;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use strongroom_client::{BundleDigest, Error, model};

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Keys that open bundles.
    #[command(subcommand)]
    Key(key::Command),
    /// Encrypt a model into a bundle.
    Encrypt(encrypt::Args),
    /// Show what anybody can see of a bundle, who has no key.
    Inspect(inspect::Args),
    /// Read a bundle and verify every byte of it.
    Verify(verify::Args),
    /// Decrypt a bundle into a new folder.
    Decrypt(decrypt::Args),
    /// Change the key that opens a bundle; its digest stays.
    Rewrap(rewrap::Args),
    /// Copy a bundle's ciphertext as it lies.
    Copy(copy::Args),
}

/// A bundle, the key that opens it, and the digest that it has to have.
#[derive(Debug, clap::Args)]
struct Bundle {
    /// Path or store URL of the bundle: file://, s3://, gs://, az://, https://.
    url: String,

    /// File with the model key (32 bytes).
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Digest that the bundle has to have, as `model encrypt` printed it.
    #[arg(long, value_name = "HEX")]
    digest: BundleDigest,
}

/// Reads a model key, and warns where others could do so too.
fn load_key(file: &Path, context: &Context) -> Result<model::ModelKey, Error> {
    context.warn_if_open(file);
    model::load_key(file)
}

pub(crate) async fn run(verb: Command, context: &Context) -> anyhow::Result<()> {
    match verb {
        Command::Key(verb) => key::run(&verb, context),
        Command::Encrypt(args) => encrypt::run(&args, context).await,
        Command::Inspect(args) => inspect::run(&args, context).await,
        Command::Verify(args) => verify::run(&args, context).await,
        Command::Decrypt(args) => decrypt::run(&args, context).await,
        Command::Rewrap(args) => rewrap::run(&args, context).await,
        Command::Copy(args) => copy::run(&args, context).await,
    }
}
