//! `strongroom workload draft`

use std::path::PathBuf;

use strongroom_client::files::{self, Existing, Visibility};
use strongroom_client::policy::Expectation;
use strongroom_client::workload::{self, Argv, DraftCoordinator};

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The program; hashed where it lies now, and started from this path.
    #[arg(long, value_name = "PROGRAM")]
    program: PathBuf,

    /// A further file that the program may load, such as a library. Can be given several times.
    #[arg(long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,

    /// One argument of the program, argv[0] first. Can be given several times; by default the program's path alone.
    #[arg(long = "arg", value_name = "ARGUMENT", allow_hyphen_values = true)]
    arguments: Vec<String>,

    /// Name of an environment variable that the host may set. Can be given several times.
    #[arg(long, value_name = "NAME")]
    environment: Vec<String>,

    /// Name of an environment variable that the coordinator may set. Can be given several times.
    #[arg(long, value_name = "NAME")]
    coordinator_environment: Vec<String>,

    /// The coordinator that the workload accepts: a policy, or a list of reference values.
    #[arg(long, value_name = "FILE", required_unless_present = "unverified_coordinator")]
    expect: Option<PathBuf>,

    /// Accept any coordinator. Visible in the measurement; for MarbleRun's coordinator, which gives no evidence.
    #[arg(long, conflicts_with = "expect")]
    unverified_coordinator: bool,

    /// Where provisioned files lie.
    #[arg(long, value_name = "FOLDER")]
    provision_dir: Option<String>,

    /// Write the description to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let coordinator = match &args.expect {
        None => DraftCoordinator::Unverified,
        Some(file) => {
            let expectation = Expectation::load(file)?;
            DraftCoordinator::Expect(serde_json::to_value(expectation.coordinator())?)
        }
    };
    let mut draft = workload::draft(&args.program, &args.files, coordinator)?;
    if !args.arguments.is_empty() {
        draft.argv = Argv::Fixed(args.arguments.clone());
    }
    draft.environment.clone_from(&args.environment);
    draft
        .coordinator_may_set_environment
        .clone_from(&args.coordinator_environment);
    if let Some(folder) = &args.provision_dir {
        draft.provision_dir.clone_from(folder);
    }
    let digest = draft.check().map_err(strongroom_client::Error::from)?.digest();
    let text = draft.to_json();
    let Some(out) = &args.out else {
        context.output.note(&format!("digest: {digest}"));
        return context.output.raw(text.as_bytes());
    };
    files::write(out, text.as_bytes(), Visibility::Public, Existing::Keep)?;
    let result = serde_json::json!({ "digest": digest, "file": out });
    context.output.result(&result, || {
        format!("digest: {digest}\nwritten to {}", out.display())
    })
}
