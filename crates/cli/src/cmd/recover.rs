//! `strongroom recover`

use std::path::PathBuf;

use strongroom_client::policy::Expectation;
use strongroom_client::{Caller, Coordinator, recovery};

use crate::context::{Context, Endorse};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The coordinator is verified afresh by its measurement: in recovery mode it has a temporary root, \
so no trust file can speak for it. Secrets that are guarded do not come back; their owners set them again."
)]
pub(crate) struct Args {
    /// Address of the coordinator: HOST or HOST:PORT.
    host: String,

    /// The encrypted parts of the recovery secret, as `manifest set --recovery-out` wrote them.
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,

    /// Your recovery key (RSA, PKCS#8 PEM). It stays on this machine.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// What the coordinator has to be: your policy, or a list of reference values.
    #[arg(long, value_name = "FILE")]
    expect: PathBuf,

    #[command(flatten)]
    endorse: Endorse,
}

pub(crate) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let expectation = Expectation::load(&args.expect)?;
    context.warn_if_open(&args.key);
    let key = recovery::load_key(&args.key)?;
    let secret = recovery::load_secret(&args.secret, &key)?;
    let caller = Caller {
        endorsements: &args.endorse.load()?,
        ..context.caller(None)
    };
    let coordinator = Coordinator::at(&args.host)?;
    let recovering = coordinator
        .verify_for_recovery(expectation.coordinator(), &caller)
        .await?;
    let recovered = recovering.recover(&secret, &key).await?;
    context.output.result(&recovered, || match recovered.remaining {
        0 => "recovered; guarded secrets have to be set again by their owners".to_owned(),
        more => format!("accepted; {more} more parts are needed"),
    })
}
