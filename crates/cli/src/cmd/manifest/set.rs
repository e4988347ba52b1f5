//! `strongroom manifest set`

use std::path::PathBuf;

use strongroom_client::policy::Expectation;
use strongroom_client::{Caller, Coordinator, Error, manifest, recovery};

use crate::context::{Context, Endorse};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The manifest (JSON).
    file: PathBuf,

    /// Address of the coordinator: HOST or HOST:PORT.
    host: String,

    /// What the coordinator has to be: your policy, or a list of reference values. A policy has to list the manifest.
    #[arg(long, value_name = "FILE")]
    expect: PathBuf,

    /// Where to write the encrypted parts of the recovery secret. They are given once.
    #[arg(long, value_name = "FILE")]
    recovery_out: Option<PathBuf>,

    #[command(flatten)]
    endorse: Endorse,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let manifest = manifest::load(&args.file)?;
    let expectation = Expectation::load(&args.expect)?;
    expectation.check_manifest(manifest.digest())?;
    match (&args.recovery_out, manifest.recovery_keys().is_empty()) {
        (None, false) => {
            let why = "the manifest has recovery keys: their parts of the secret are given once, say --recovery-out FILE";
            return Err(Error::Input {
                what: "recovery".to_owned(),
                why: why.to_owned(),
            }
            .into());
        }
        (Some(file), _) if file.exists() => return Err(Error::Exists(file.clone()).into()),
        _ => {}
    }
    let caller = Caller {
        endorsements: &args.endorse.load()?,
        ..context.caller(None)
    };
    let coordinator = Coordinator::at(&args.host)?;
    let empty = coordinator
        .verify_awaiting_manifest(expectation.coordinator(), &caller)
        .await?;
    let set = empty.set_manifest(&manifest).await?;
    if let Some(file) = args
        .recovery_out
        .as_ref()
        .filter(|_| !set.recovery_secrets.is_empty())
    {
        recovery::save(&set, file)?;
    }
    context.output.result(&set, || {
        let mut text = format!("manifest set\ndigest: {}", set.manifest_digest);
        if set.recovery_secrets.is_empty() {
            text.push_str("\nno recovery keys: if the platform loses its sealing key, the state is lost");
        } else if let Some(file) = &args.recovery_out {
            let holders: Vec<&str> = set.recovery_secrets.keys().map(String::as_str).collect();
            text.push_str(&format!(
                "\nrecovery parts of {} written to {}",
                holders.join(", "),
                file.display()
            ));
        }
        text
    })
}
