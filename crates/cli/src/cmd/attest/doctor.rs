//! `strongroom attest doctor`

use strongroom_client::attestation::{self, Finding};

use crate::context::Context;

pub(super) fn run(context: &Context) -> anyhow::Result<()> {
    let found = attestation::doctor();
    context.output.result(&found, || {
        let mut lines: Vec<String> = found.looked_for.iter().map(line).collect();
        lines.push(match &found.reason {
            None => "programs on this machine can attest".to_owned(),
            Some(reason) => format!("programs on this machine cannot attest by themselves: {reason}"),
        });
        lines.join("\n")
    })
}

fn line(finding: &Finding) -> String {
    let state = match (finding.present, finding.usable) {
        (false, _) => "not there",
        (true, false) => "there, NOT USABLE",
        (true, true) => "usable",
    };
    format!(
        "{}  (platform {}): {state}\n    {}",
        finding.path, finding.platform, finding.explanation
    )
}
