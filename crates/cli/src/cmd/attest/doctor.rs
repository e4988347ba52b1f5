//! `strongroom attest doctor`

use strongroom_client::attestation;

use crate::context::Context;

pub(super) fn run(context: &Context) -> anyhow::Result<()> {
    let found = attestation::doctor();
    context.output.result(&found, || {
        let sign = |sign: &attestation::Sign| {
            let there = if sign.present { "there" } else { "not there" };
            format!("{}  (platform {}): {there}", sign.path, sign.platform)
        };
        let mut lines: Vec<String> = found.looked_for.iter().map(sign).collect();
        lines.push(
            found
                .reason
                .clone()
                .unwrap_or_else(|| "programs on this machine can attest".to_owned()),
        );
        lines.join("\n")
    })
}
