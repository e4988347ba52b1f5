//! `strongroom deployment verify`

use std::path::{Path, PathBuf};

use strongroom_client::files::{self, Existing, Visibility};
use strongroom_client::{Caller, Coordinator, Pin, Trust, policy};

use crate::context::{Context, Endorse, User};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address of the coordinator: HOST or HOST:PORT.
    host: String,

    /// Your policy: what coordinator and manifest have to be.
    #[arg(long, value_name = "FILE", required_unless_present = "write_policy")]
    expect: Option<PathBuf>,

    /// Trust file. Where it exists, nothing may have changed and the log has to continue; it is written afterwards.
    #[arg(long, value_name = "FILE", requires = "expect")]
    trust: Option<PathBuf>,

    /// Accept what changed since the trust file was written, as far as the policy accepts it, and say what it was.
    #[arg(long, requires = "trust")]
    accept_changes: bool,

    /// Write the root of the workloads' certificates here (PEM), for curl and TensorFlow Serving clients.
    #[arg(long, value_name = "FILE", requires = "expect")]
    ca: Option<PathBuf>,

    /// Draft a policy that accepts exactly what answers now. Verifies nothing.
    #[arg(long, value_name = "FILE", conflicts_with = "expect")]
    write_policy: Option<PathBuf>,

    /// With --write-policy: the platform's root (PEM). The software platform has no default.
    #[arg(long, value_name = "FILE", requires = "write_policy")]
    platform_root: Vec<PathBuf>,

    #[command(flatten)]
    endorse: Endorse,

    #[command(flatten)]
    user: User,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let coordinator = Coordinator::at(&args.host)?;
    if let Some(out) = &args.write_policy {
        return write_policy(&coordinator, out, &args.platform_root, context).await;
    }
    let expect = args.expect.as_deref().unwrap_or(Path::new("policy.json"));
    let policy = policy::load(expect)?;
    let identity = args.user.load(context)?;
    let earlier = match &args.trust {
        Some(file) if file.exists() => Some(Trust::load(file)?),
        _ => None,
    };
    let pin = match &earlier {
        None => Pin::First,
        Some(trust) if args.accept_changes => Pin::AcceptChanges(trust),
        Some(trust) => Pin::Hold(trust),
    };
    let caller = Caller {
        endorsements: &args.endorse.load()?,
        ..context.caller(identity.as_ref())
    };
    let verified = coordinator.verify(&policy, pin, &caller).await?;
    if let Some(file) = &args.trust {
        verified.trust().save(file)?;
    }
    if let Some(file) = &args.ca {
        let root = verified.trust().marble_root().to_pem();
        files::write(file, root.as_bytes(), Visibility::Public, Existing::Replace)?;
    }
    let report = verified.report();
    context.output.result(&report, || report.to_string())
}

async fn write_policy(
    coordinator: &Coordinator,
    out: &Path,
    roots: &[PathBuf],
    context: &Context,
) -> anyhow::Result<()> {
    let roots: Vec<String> = roots
        .iter()
        .map(|root| files::read_text(root))
        .collect::<Result<_, _>>()?;
    let caller = context.caller(None);
    let policy = coordinator
        .look(&caller)
        .await?
        .claimed(&caller)
        .await?
        .draft(&roots, context.now)?;
    files::write(
        out,
        format!("{}\n", policy.to_json()).as_bytes(),
        Visibility::Public,
        Existing::Keep,
    )?;
    let result = serde_json::json!({ "file": out, "verified": false });
    context.output.result(&result, || {
        format!(
            "written to {}\nNothing was verified: this policy accepts whoever answered just now. Compare measurement, \
             root and manifest digest with what you know from elsewhere before you rely on it.",
            out.display()
        )
    })
}
