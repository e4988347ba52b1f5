//! `strongroom policy draft`

use std::path::PathBuf;

use strongroom_client::files::{self, Existing, Visibility};
use strongroom_client::policy::Draft;
use strongroom_client::{Error, Measurement, Platform, Protection, manifest, workload};

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Platform of the coordinator, such as `software` or `sgx`.
    #[arg(long, value_name = "NAME", value_parser = platform)]
    platform: Platform,

    /// Measurement of an accepted coordinator. Can be given several times.
    #[arg(
        long = "measurement",
        value_name = "HEX",
        required_unless_present = "programs"
    )]
    measurements: Vec<Measurement>,

    /// Executable of an accepted coordinator, measured as platform `software` does. Can be given several times.
    #[arg(long = "program", value_name = "PROGRAM")]
    programs: Vec<PathBuf>,

    /// An accepted root of the platform (PEM). Can be given several times; the software platform has no default.
    #[arg(long = "root", value_name = "FILE")]
    roots: Vec<PathBuf>,

    /// Accepted protection; what is less than confidential has to be named.
    #[arg(long, value_name = "WORD", value_parser = protection, default_value = "confidential")]
    protection: Vec<Protection>,

    /// An accepted manifest. Can be given several times.
    #[arg(long = "manifest", value_name = "FILE", required = true)]
    manifests: Vec<PathBuf>,

    /// Write the policy to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let mut measurements = args.measurements.clone();
    for program in &args.programs {
        measurements.push(workload::measure(program)?.into());
    }
    let policy = Draft {
        platform: args.platform,
        roots: args
            .roots
            .iter()
            .map(|root| files::read_text(root))
            .collect::<Result<_, _>>()?,
        measurements,
        protection: args.protection.clone(),
        manifests: args
            .manifests
            .iter()
            .map(|file| manifest::load(file).map(|manifest| manifest.digest()))
            .collect::<Result<_, _>>()?,
    }
    .finish()?;
    write(&policy.to_json(), args.out.as_deref(), context)
}

fn write(text: &str, out: Option<&std::path::Path>, context: &Context) -> anyhow::Result<()> {
    let text = format!("{text}\n");
    let Some(out) = out else {
        return context.output.raw(text.as_bytes());
    };
    files::write(out, text.as_bytes(), Visibility::Public, Existing::Keep)?;
    context.output.result(&serde_json::json!({ "file": out }), || {
        format!("written to {}", out.display())
    })
}

fn platform(text: &str) -> Result<Platform, Error> {
    word(text, "platform")
}

fn protection(text: &str) -> Result<Protection, Error> {
    word(text, "protection")
}

fn word<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T, Error> {
    serde_json::from_value(text.into()).map_err(|error| Error::Input {
        what: what.to_owned(),
        why: error.to_string(),
    })
}
