//! The report as a person reads it.

use std::fmt::{Formatter, Result};

use crate::report::{DeploymentReport, MarbleReport, ModelReport, PackageReport, SecretReport};

pub(crate) fn write(report: &DeploymentReport, f: &mut Formatter<'_>) -> Result {
    writeln!(f, "deployment at {}: VERIFIED", report.address)?;
    if report.simulated {
        writeln!(
            f,
            "  SIMULATED: its platform is played by a process and protects nothing"
        )?;
    } else {
        writeln!(f, "  protection: {}", report.protection)?;
    }
    if let Some(held) = &report.held {
        writeln!(f, "  HELD: it releases nothing ({held})")?;
    }
    writeln!(f, "  manifest    {}", report.manifest_digest)?;
    writeln!(f, "  coordinator {}", report.measurement)?;
    writeln!(f, "  root        {}", report.root)?;
    let head = &report.log_head;
    writeln!(
        f,
        "  log         {} entries, epoch {}, {}",
        head.size, head.epoch, head.hash
    )?;
    writeln!(f)?;
    for line in report.evidence.to_string().lines() {
        writeln!(f, "{line}")?;
    }
    section(
        f,
        "what may run",
        report
            .packages
            .iter()
            .map(|(name, package)| package_lines(name, package)),
    )?;
    section(
        f,
        "what runs as what",
        report
            .marbles
            .iter()
            .map(|(name, marble)| marble_lines(name, marble)),
    )?;
    section(
        f,
        "models",
        report.models.iter().map(|(name, model)| model_lines(name, model)),
    )?;
    section(
        f,
        "secrets",
        report
            .secrets
            .iter()
            .map(|(name, secret)| secret_lines(name, secret)),
    )?;
    writeln!(f, "\nwho can change this")?;
    writeln!(
        f,
        "  manifest: {}",
        who(&report.update.users, report.update.needed as u64)
    )?;
    writeln!(
        f,
        "  recovery: {}",
        who(&report.recovery.keys, report.recovery.needed)
    )?;
    if !report.recovery.keys.is_empty() {
        writeln!(
            f,
            "            with the stored state they can read every secret that is not guarded"
        )?;
    }
    list(
        f,
        "exceptions in force",
        report.exceptions.iter().map(ToString::to_string).collect(),
    )?;
    list(
        f,
        "changed since the trust file was written",
        report.changes.clone(),
    )
}

fn section(f: &mut Formatter<'_>, title: &str, entries: impl Iterator<Item = Vec<String>>) -> Result {
    let entries: Vec<_> = entries.collect();
    if entries.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    for lines in entries {
        for (index, line) in lines.iter().enumerate() {
            writeln!(f, "{}{line}", if index == 0 { "  " } else { "    " })?;
        }
    }
    Ok(())
}

fn list(f: &mut Formatter<'_>, title: &str, lines: Vec<String>) -> Result {
    section(f, title, lines.into_iter().map(|line| vec![line]))
}

fn package_lines(name: &str, package: &PackageReport) -> Vec<String> {
    let mut lines = vec![format!("package {name} on platform {}", package.platform)];
    lines.extend(
        package
            .measurements
            .iter()
            .map(|digest| format!("program  {digest}")),
    );
    lines.extend(package.signers.iter().map(|digest| format!("signer   {digest}")));
    lines.extend(
        package
            .workloads
            .iter()
            .map(|digest| format!("workload {digest}")),
    );
    lines
}

fn marble_lines(name: &str, marble: &MarbleReport) -> Vec<String> {
    let mut lines = vec![format!("marble {name} is package {}", marble.package)];
    lines.push(if marble.dns_names.is_empty() {
        "names: chosen by its host".to_owned()
    } else {
        format!("names: {}", marble.dns_names.join(", "))
    });
    if !marble.models.is_empty() {
        lines.push(format!("serves: {}", marble.models.join(", ")));
    }
    lines.push(match marble.max_activations {
        Some(max) => format!("may be started {max} times"),
        None => "may be started without limit".to_owned(),
    });
    lines
}

fn model_lines(name: &str, model: &ModelReport) -> Vec<String> {
    let mut lines = vec![format!("model {name} from {}", model.store)];
    lines.extend(model.bundles.iter().map(|digest| format!("bundle {digest}")));
    lines.push(format!("key: secret {}", model.key));
    lines.push(format!("may predict: {}", model.clients));
    lines
}

fn secret_lines(name: &str, secret: &SecretReport) -> Vec<String> {
    let state = if secret.set { "set" } else { "NOT SET" };
    let guarded = if secret.guarded {
        "guarded"
    } else {
        "not guarded: covered by recovery"
    };
    let mut lines = vec![format!("secret {name} ({}): {state}, {guarded}", secret.kind)];
    if secret.received_by.is_empty() {
        lines.push("received by: no marble".to_owned());
    }
    for receiver in &secret.received_by {
        lines.push(format!(
            "received by: marble {} as {}",
            receiver.marble, receiver.how
        ));
    }
    lines.push(format!("may read: {}", nobody_or(&secret.readers)));
    lines.push(if secret.user_defined {
        format!("may set: {}", nobody_or(&secret.writers))
    } else {
        "made by the coordinator".to_owned()
    });
    lines
}

fn nobody_or(users: &[String]) -> String {
    if users.is_empty() {
        "nobody".to_owned()
    } else {
        users.join(", ")
    }
}

fn who(holders: &[String], needed: u64) -> String {
    match (holders.len(), needed) {
        (0, _) | (_, 0) => "nobody".to_owned(),
        (1, _) => format!("{} alone", holders[0]),
        (count, needed) => format!("{needed} of {count}: {}", holders.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_it_takes_is_said_in_words() {
        let holders = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(who(&holders(&[]), 0), "nobody");
        assert_eq!(who(&holders(&["alice"]), 1), "alice alone");
        assert_eq!(who(&holders(&["alice", "bob"]), 2), "2 of 2: alice, bob");
        assert_eq!(who(&holders(&["alice", "bob"]), 1), "1 of 2: alice, bob");
    }

    #[test]
    fn a_secret_says_where_it_goes_and_who_may() {
        let secret = SecretReport {
            kind: "symmetric key of 256 bits".to_owned(),
            set: false,
            guarded: true,
            user_defined: true,
            received_by: vec![crate::report::Receiver {
                marble: "inference".to_owned(),
                how: "key of model digits".to_owned(),
            }],
            readers: Vec::new(),
            writers: vec!["owner".to_owned()],
        };
        assert_eq!(
            secret_lines("digits-key", &secret),
            [
                "secret digits-key (symmetric key of 256 bits): NOT SET, guarded",
                "received by: marble inference as key of model digits",
                "may read: nobody",
                "may set: owner",
            ]
        );
    }
}
