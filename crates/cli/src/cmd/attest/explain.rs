//! `strongroom attest explain`

use std::path::PathBuf;
use std::process::ExitCode;

use strongroom_client::attestation::Explanation;

use super::input::Input;
use super::verify::exit;
use crate::context::Context;

#[derive(Debug, clap::Args)]
#[command(mut_arg("evidence", |evidence| evidence.required_unless_present("report")))]
#[command(
    after_help = "Exit codes: as of `attest verify`; with --report those of the verdict that the report tells."
)]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,

    /// Explain this report, as `attest verify --json` printed it, instead of evidence.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "platform", "evidence", "endorsements", "event_log", "at", "report_data", "nonce", "trusted_ak", "policy"
    ])]
    report: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let explanation = match &args.report {
        Some(report) => Explanation::load(report)?,
        None => Explanation::of(&args.input.examine(context)?.report),
    };
    context.output.result(&explanation, || explanation.to_string())?;
    Ok(exit(explanation.says_accepted()))
}
