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

/// MarbleRun's `AcceptedTCBStatuses` and `AcceptedAdvisories`, lowered into the policy: the statuses stand instead of the
/// default ones, but `UpToDate` is always accepted; the advisories restrict `SWHardeningNeeded` only.
pub(super) fn read_tcb(fields: &Fields<'_>, reference: &mut ReferenceFields) {
    let statuses = read_statuses(fields);
    let advisories: BTreeSet<String> = fields
        .texts("AcceptedAdvisories")
        .into_iter()
        .map(|(_, id)| id.to_owned())
        .collect();
    let platform = reference.platform;
    for name in ["AcceptedTCBStatuses", "AcceptedAdvisories"] {
        if fields.value(name).is_none_or(Value::is_zero) {
            continue;
        }
        let message = if platform != Platform::Sgx {
            format!("belongs to platform sgx, not to {platform}")
        } else if says_tcb(fields) {
            "`Policy` says in `tcb` what is accepted: say it in one place".to_owned()
        } else {
            continue;
        };
        fields.problems().check(&fields.at(name), message);
    }
    if platform != Platform::Sgx || (statuses.is_empty() && advisories.is_empty()) {
        return;
    }
    let tcb = &mut reference.sgx.get_or_insert_default().tcb;
    if !statuses.is_empty() {
        tcb.accepted_statuses = statuses;
        // As in MarbleRun: whatever else is accepted, a fully patched platform is.
        tcb.accepted_statuses.insert(TcbStatus::UpToDate);
    }
    tcb.hardening_advisories = advisories;
}

fn says_tcb(fields: &Fields<'_>) -> bool {
    match fields.value("Policy") {
        Some(Value::Object(entries)) => entries.iter().any(|(name, _)| name == "tcb"),
        _ => false,
    }
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
