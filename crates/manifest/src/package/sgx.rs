//! What only packages of Intel platforms have: MarbleRun's names of a program, and Intel's verdicts on a platform.

use std::collections::BTreeSet;

use strongroom_attest::platform::dcap::TcbStatus;
use strongroom_attest::reference::Fields as ReferenceFields;
use strongroom_attest::{Measurement, Platform};
use strongroom_crypto::digest::Digest32;

use crate::fields::Fields;
use crate::json::Value;
use crate::problem::did_you_mean;

pub(super) fn read(fields: &Fields<'_>, reference: &mut ReferenceFields) {
    let problems = fields.problems();
    if fields.value("Measurements").is_some_and(|value| !value.is_zero()) {
        problems.check(
            &fields.at("Measurements"),
            "platform sgx names programs by `UniqueID` or `SignerID`",
        );
    }
    let before = problems.count();
    let unique = read_digest(fields, "UniqueID");
    let signer = read_digest(fields, "SignerID");
    let product = fields.unsigned("ProductID", u64::MAX);
    let version = fields.unsigned("SecurityVersion", u64::MAX);
    if problems.count() > before {
        return;
    }
    let by_signer = signer.is_some() || product.is_some() || version.is_some();
    if unique.is_some() && by_signer {
        // Re-marshalled manifests carry both keys; a zero SecurityVersion would be a value, `null` is not.
        let message = "specifies both UniqueID *and* SignerID/ProductID/SecurityVersion";
        problems.check_hint(
            fields.path(),
            message,
            "UniqueID names one program, SignerID all versions of one",
        );
        return;
    }
    if unique.is_none() {
        if !by_signer {
            let message = "names no program: any program would do";
            problems.check_hint(
                fields.path(),
                message,
                "give `UniqueID`, or `SignerID`, `ProductID` and `SecurityVersion`",
            );
            return;
        }
        let missing = [
            ("SignerID", signer.is_none()),
            ("ProductID", product.is_none()),
            ("SecurityVersion", version.is_none()),
        ];
        for (name, _) in missing.iter().filter(|(_, missing)| *missing) {
            problems.check(fields.path(), format!("misses value for {name}"));
        }
    }
    reference.measurements = unique.map(Measurement::from).into_iter().collect();
    reference.signers = signer.into_iter().collect();
    reference.product = product;
    reference.security_version_min = version;
}

fn read_digest(fields: &Fields<'_>, name: &str) -> Option<Digest32> {
    let text = fields.text_if_set(name)?;
    let digest = text.parse().ok();
    if digest.is_none() {
        fields
            .problems()
            .check(&fields.at(name), "expected 64 hexadecimal digits");
    }
    digest
}

/// `AcceptedTCBStatuses` and `AcceptedAdvisories`, lowered into the policy of an Intel platform.
pub(super) fn read_tcb(fields: &Fields<'_>, reference: &mut ReferenceFields) {
    let problems = fields.problems();
    let statuses = read_statuses(fields);
    let advisories: BTreeSet<String> = fields
        .texts("AcceptedAdvisories")
        .into_iter()
        .map(|(_, id)| id.to_owned())
        .collect();
    if statuses.is_empty() && advisories.is_empty() {
        return;
    }
    let in_policy = |name: &str| {
        fields
            .value("Policy")
            .is_some_and(|policy| names_in_tcb(policy, name))
    };
    for (name, member) in [
        ("AcceptedTCBStatuses", "accepted_statuses"),
        ("AcceptedAdvisories", "accepted_advisories"),
    ] {
        if fields.value(name).is_some_and(|value| !value.is_zero()) && in_policy(member) {
            let message = format!("`Policy` says `tcb.{member}` as well: say it once");
            problems.check(&fields.at(name), message);
        }
    }
    let tcb = match reference.platform {
        Platform::Sgx => &mut reference.sgx.get_or_insert_default().tcb,
        Platform::Tdx => &mut reference.tdx.get_or_insert_default().tcb,
        other => {
            let message = format!("belongs to platforms sgx and tdx, not to {other}");
            let name = if statuses.is_empty() {
                "AcceptedAdvisories"
            } else {
                "AcceptedTCBStatuses"
            };
            problems.check(&fields.at(name), message);
            return;
        }
    };
    if !statuses.is_empty() {
        tcb.accepted_statuses = statuses;
        // As in MarbleRun: whatever else is accepted, a fully patched platform is.
        tcb.accepted_statuses.insert(TcbStatus::UpToDate);
    }
    if !advisories.is_empty() {
        tcb.accepted_advisories = advisories;
    }
}

fn names_in_tcb(policy: &Value, member: &str) -> bool {
    let inside = |value: &Value, name: &str| match value {
        Value::Object(fields) => fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone()),
        _ => None,
    };
    inside(policy, "tcb").is_some_and(|tcb| inside(&tcb, member).is_some())
}

fn read_statuses(fields: &Fields<'_>) -> BTreeSet<TcbStatus> {
    let mut statuses = BTreeSet::new();
    for (path, word) in fields.texts("AcceptedTCBStatuses") {
        match TcbStatus::ALL.iter().find(|status| status.name() == word) {
            Some(TcbStatus::Revoked) => {
                let message = "a revoked platform cannot be accepted: others have its keys";
                fields.problems().check(&path, message);
            }
            Some(status) => {
                statuses.insert(*status);
            }
            None => {
                let known: Vec<&str> = TcbStatus::ALL.iter().map(|status| status.name()).collect();
                let hint = did_you_mean(word, known.iter().copied())
                    .unwrap_or_else(|| format!("known are {}", known.join(", ")));
                fields
                    .problems()
                    .check_hint(&path, format!("unknown TCB status: {word}"), hint);
            }
        }
    }
    statuses
}
