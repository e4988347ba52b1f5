//! `strongroom attest verify`

use std::process::ExitCode;

use strongroom_client::EvidenceReport;

use super::REFUSED;
use super::input::Input;
use crate::context::Context;

#[derive(Debug, clap::Args)]
#[command(mut_arg("evidence", |evidence| evidence.required(true)))]
#[command(
    after_help = "Exit codes: 0 accepted, 1 the evidence of a known platform and not accepted, 2 bad arguments, \
files that cannot be used, or the evidence of no known platform."
)]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let report = args.input.examine(context)?.report;
    context.output.result(&report, || text(&report))?;
    Ok(exit(report.first_failure().is_none()))
}

pub(super) fn exit(accepted: bool) -> ExitCode {
    if accepted {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(REFUSED)
    }
}

fn text(report: &EvidenceReport) -> String {
    let verdict = match report.refusal() {
        None => report.verdict().to_owned(),
        Some((code, sentence)) => format!("{}: {sentence} [{code}]", report.verdict()),
    };
    format!("{report}\n{verdict}")
}
