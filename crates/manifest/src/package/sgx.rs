//! What only packages of Intel platforms have: MarbleRun's names of a program, and Intel's verdicts on a platform.

use strongroom_attest::Measurement;
use strongroom_attest::reference::Fields as ReferenceFields;
use strongroom_crypto::digest::Digest32;

use crate::fields::Fields;
use crate::problem::did_you_mean;

/// Intel's verdict on how well a platform is patched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub enum TcbStatus {
    /// Fully patched.
    UpToDate,
    /// Patched, and software has to do its part.
    SWHardeningNeeded,
    /// Settings need a change.
    ConfigurationNeeded,
    /// Settings need a change, and software has to do its part.
    ConfigurationAndSWHardeningNeeded,
    /// Patches are missing.
    OutOfDate,
    /// Patches are missing and settings need a change.
    OutOfDateConfigurationNeeded,
    /// The platform's keys are no longer trusted.
    Revoked,
}

impl TcbStatus {
    const ALL: [(&'static str, Self); 7] = [
        ("UpToDate", Self::UpToDate),
        ("SWHardeningNeeded", Self::SWHardeningNeeded),
        ("ConfigurationNeeded", Self::ConfigurationNeeded),
        (
            "ConfigurationAndSWHardeningNeeded",
            Self::ConfigurationAndSWHardeningNeeded,
        ),
        ("OutOfDate", Self::OutOfDate),
        ("OutOfDateConfigurationNeeded", Self::OutOfDateConfigurationNeeded),
        ("Revoked", Self::Revoked),
    ];
}

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

pub(super) fn read_statuses(fields: &Fields<'_>) -> Vec<TcbStatus> {
    let mut statuses = Vec::new();
    for (path, word) in fields.texts("AcceptedTCBStatuses") {
        match TcbStatus::ALL.iter().find(|(name, _)| *name == word) {
            Some((_, status)) => statuses.push(*status),
            None => {
                let known = TcbStatus::ALL.map(|(name, _)| name);
                let hint =
                    did_you_mean(word, known).unwrap_or_else(|| format!("known are {}", known.join(", ")));
                fields
                    .problems()
                    .check_hint(&path, format!("unknown TCB status: {word}"), hint);
            }
        }
    }
    statuses
}
