//! `strongroom status`

use std::path::PathBuf;

use serde::Serialize;
use strongroom_client::{Coordinator, Status, Trust};

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address of the coordinator: HOST or HOST:PORT.
    host: String,

    /// Trust file of the deployment: then root, manifest and log have to be the pinned ones. Without it, whoever
    /// answers is believed nothing.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

#[derive(Serialize)]
struct Answer {
    /// Whether root, manifest and log were held against a trust file.
    pinned: bool,
    #[serde(flatten)]
    status: Status,
}

pub(crate) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let coordinator = Coordinator::at(&args.host)?;
    let caller = context.caller(None);
    let status = match &args.trust {
        None => coordinator.look(&caller).await?.status().await?,
        Some(file) => {
            coordinator
                .pinned(&Trust::load(file)?, &caller)
                .await?
                .status()
                .await?
        }
    };
    let answer = Answer {
        pinned: args.trust.is_some(),
        status,
    };
    context.output.result(&answer, || text(&answer))
}

fn text(answer: &Answer) -> String {
    let status = &answer.status;
    let mut lines = vec![format!("phase: {}", safe(&status.phase))];
    if let Some(digest) = &status.manifest_digest {
        lines.push(format!("manifest: {digest} (revision {})", status.revision));
    }
    lines.push(format!("platform: {}", safe(&status.platform)));
    if status.simulated {
        lines.push("SIMULATED: the platform protects nothing".to_owned());
    }
    lines.push(format!(
        "log: {} entries, epoch {}",
        status.log_head.size, status.log_head.epoch
    ));
    for (name, secret) in &status.secrets {
        lines.push(format!(
            "secret {}: {}",
            safe(name),
            if secret.set { "set" } else { "NOT SET" }
        ));
    }
    if let Some(held) = &status.held {
        lines.push(format!("held: {}", safe(held)));
    }
    lines.push(if answer.pinned {
        "root, manifest and log are those of the trust file".to_owned()
    } else {
        "unverified: these are the words of whoever answers at this address".to_owned()
    });
    lines.join("\n")
}

/// Words of somebody unknown, harmless for a terminal.
fn safe(text: &str) -> String {
    text.chars()
        .take(200)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}
