//! `strongroom secret set`

use std::path::PathBuf;

use strongroom_client::{Caller, Coordinator, Error, Pin, Trust, files, policy};

use crate::context::{self, Context, Endorse};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of a secret in the manifest, and the file that holds its value. Several can be given.
    #[arg(value_name = "NAME=FILE", required = true, value_parser = assignment)]
    secrets: Vec<Assignment>,

    /// Address of the coordinator: HOST or HOST:PORT.
    #[arg(required = true)]
    host: String,

    /// Trust file of the deployment, as `deployment verify` wrote it. It is brought up to date afterwards.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,

    /// Your policy: the evidence is verified anew before anything is sent.
    #[arg(long, value_name = "FILE")]
    expect: PathBuf,

    /// Certificate of the user who may write these secrets (PEM).
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,

    /// Private key of that user (PKCS#8 PEM).
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    #[command(flatten)]
    endorse: Endorse,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Assignment {
    name: String,
    file: PathBuf,
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let trust = Trust::load(&args.trust)?;
    let policy = policy::load(&args.expect)?;
    let identity = context::load(&args.cert, &args.key, context)?;
    let mut secrets = Vec::with_capacity(args.secrets.len());
    for Assignment { name, file } in &args.secrets {
        context.warn_if_open(file);
        secrets.push((name.clone(), files::read_secret(file)?));
    }
    let names: Vec<String> = secrets.iter().map(|(name, _)| name.clone()).collect();

    let caller = Caller {
        endorsements: &args.endorse.load()?,
        ..context.caller(Some(&identity))
    };
    let mut verified = Coordinator::at(&args.host)?
        .verify(&policy, Pin::Hold(&trust), &caller)
        .await?;
    let head = verified.set_secrets(secrets).await?;
    verified.trust().save(&args.trust)?;

    let digest = verified.trust().manifest_digest();
    let result = serde_json::json!({
        "set": names, "manifest_digest": digest, "log_head": head, "simulated": verified.trust().simulated(),
    });
    context.output.result(&result, || {
        let mut text = format!(
            "set {} under manifest {digest}\nthe log has {} entries now",
            names.join(", "),
            head.size
        );
        if verified.trust().simulated() {
            text.push_str("\nSIMULATED: the coordinator's platform protects nothing");
        }
        text
    })
}

fn assignment(text: &str) -> Result<Assignment, Error> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok(Assignment {
            name: name.to_owned(),
            file: PathBuf::from(file),
        }),
        _ => Err(Error::Input {
            what: "secret".to_owned(),
            why: "expected NAME=FILE".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_given_by_file() {
        let expected = Assignment {
            name: "digits-key".to_owned(),
            file: PathBuf::from("a=b.key"),
        };
        assert_eq!(assignment("digits-key=a=b.key").unwrap(), expected);
        for bad in ["digits-key", "=file", "name=", ""] {
            assert!(assignment(bad).is_err(), "{bad}");
        }
    }
}
