//! `Packages`: what may run, lowered to the reference values that every other verifier uses too.

use std::collections::BTreeMap;

use strongroom_attest::reference::Fields as ReferenceFields;
use strongroom_attest::{Measurement, Platform, Protection, ReferenceValues};
use strongroom_crypto::digest::Digest32;

use crate::fields::{Fields, Item};
use crate::names::PackageName;
use crate::problem::{Problems, did_you_mean};

/// Programs that may run as a marble, or as a coordinator.
#[derive(Debug)]
#[non_exhaustive]
pub struct Package {
    /// What is expected of their evidence. `None` only while a manifest is being checked.
    pub(crate) reference: Option<ReferenceValues>,
    /// The platform that vouches for them.
    pub platform: Platform,
    /// MarbleRun's `Debug`: the enclave may be one that the host can look into.
    pub debug: bool,
    /// TCB statuses accepted beside `UpToDate`; empty: MarbleRun's default, `SWHardeningNeeded`.
    pub accepted_tcb_statuses: Vec<TcbStatus>,
    /// Advisories accepted with `SWHardeningNeeded`; empty: all of them.
    pub accepted_advisories: Vec<String>,
}

impl Package {
    /// What is expected of the evidence.
    ///
    /// # Panics
    /// Never: a manifest with a package that expects nothing does not parse.
    pub fn reference_values(&self) -> &ReferenceValues {
        self.reference
            .as_ref()
            .expect("a manifest with a package that expects nothing does not parse")
    }

    /// Protection that is accepted.
    pub fn protection(&self) -> &[Protection] {
        self.reference
            .as_ref()
            .map_or(&[], |reference| &reference.fields().protection)
    }

    pub(crate) fn has_workloads(&self) -> bool {
        self.reference
            .as_ref()
            .is_some_and(|reference| !reference.fields().workloads.is_empty())
    }
}

impl PartialEq for Package {
    fn eq(&self, other: &Self) -> bool {
        let fields = |package: &Self| {
            package
                .reference
                .as_ref()
                .map(|reference| reference.fields().clone())
        };
        (fields(self), self.platform, self.debug) == (fields(other), other.platform, other.debug)
            && self.accepted_tcb_statuses == other.accepted_tcb_statuses
            && self.accepted_advisories == other.accepted_advisories
    }
}

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

const PACKAGE: &[&str] = &[
    "Debug",
    "UniqueID",
    "SignerID",
    "ProductID",
    "SecurityVersion",
    "AcceptedTCBStatuses",
    "AcceptedAdvisories",
    "Platform",
    "Measurements",
    "Workloads",
    "Roots",
    "Protection",
];
const SGX_ONLY: [&str; 4] = ["UniqueID", "SignerID", "ProductID", "SecurityVersion"];

pub(crate) fn read(top: &Fields<'_>) -> BTreeMap<PackageName, Package> {
    let entries = top.map("Packages");
    entries
        .into_iter()
        .map(|item| (PackageName::from(item.name), read_one(&item, top.problems())))
        .collect()
}

fn read_one(item: &Item<'_>, problems: &Problems) -> Package {
    let fields = Fields::open(item.value, item.path.clone(), PACKAGE, problems);
    let before = problems.count();
    let understood = read_platform(&fields);
    let platform = understood.unwrap_or(Platform::Sgx);
    let mut reference = ReferenceFields::of(platform);
    reference.debug = fields.flag("Debug").unwrap_or(false);
    reference.roots = fields
        .texts("Roots")
        .into_iter()
        .map(|(_, pem)| pem.to_owned())
        .collect();
    reference.workloads = read_each(&fields, "Workloads", "workload digest");
    reference.protection = read_protection(&fields);
    if understood.is_none() {
        // Which fields belong here depends on what could not be read.
    } else if platform == Platform::Sgx {
        read_sgx(&fields, &mut reference);
    } else {
        reference.measurements = read_each(&fields, "Measurements", "measurement");
        for name in SGX_ONLY {
            if fields.value(name).is_some_and(|value| !value.is_zero()) {
                let message = format!("belongs to platform sgx, not to {platform}: list `Measurements`");
                problems.check(&fields.at(name), message);
            }
        }
    }
    let debug = reference.debug;
    if understood.is_some() {
        check_platform(&fields, platform, &reference);
    }
    let accepted_tcb_statuses = read_statuses(&fields);
    // What could not be read in full has been said; the rules would only say it again in other words.
    let reference = if problems.count() == before {
        lower(&fields, reference)
    } else {
        None
    };
    Package {
        reference,
        platform,
        debug,
        accepted_tcb_statuses,
        accepted_advisories: fields
            .texts("AcceptedAdvisories")
            .into_iter()
            .map(|(_, id)| id.to_owned())
            .collect(),
    }
}

fn lower(fields: &Fields<'_>, reference: ReferenceFields) -> Option<ReferenceValues> {
    match ReferenceValues::new(reference) {
        Ok(reference) => Some(reference),
        Err(error) => {
            fields.problems().check(fields.path(), error.to_string());
            None
        }
    }
}

fn read_platform(fields: &Fields<'_>) -> Option<Platform> {
    let Some(name) = fields.text_if_set("Platform") else {
        return Some(Platform::Sgx);
    };
    let platform = name.parse().ok();
    if platform.is_none() {
        let known: Vec<&str> = Platform::ALL.iter().map(|platform| platform.name()).collect();
        let hint = did_you_mean(name, known.iter().copied())
            .unwrap_or_else(|| format!("known are {}", known.join(", ")));
        fields
            .problems()
            .check_hint(&fields.at("Platform"), format!("unknown platform: {name}"), hint);
    }
    platform
}

fn read_sgx(fields: &Fields<'_>, reference: &mut ReferenceFields) {
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

fn read_each<T: std::str::FromStr>(fields: &Fields<'_>, name: &str, what: &str) -> Vec<T>
where
    T::Err: std::fmt::Display,
{
    let mut list = Vec::new();
    for (path, text) in fields.texts(name) {
        match text.parse() {
            Ok(value) => list.push(value),
            Err(error) => fields.problems().check(&path, format!("no {what}: {error}")),
        }
    }
    list
}

fn read_protection(fields: &Fields<'_>) -> Vec<Protection> {
    let mut accepted = Vec::new();
    for (path, word) in fields.texts("Protection") {
        let protection = match word {
            "confidential" => Protection::Confidential,
            "integrity_only" => Protection::IntegrityOnly,
            "simulated" => Protection::Simulated,
            other => {
                let known = "known are confidential, integrity_only and simulated";
                fields
                    .problems()
                    .check_hint(&path, format!("unknown protection: {other}"), known);
                continue;
            }
        };
        if accepted.contains(&protection) {
            fields.problems().check(&path, "listed twice");
        } else {
            accepted.push(protection);
        }
    }
    if accepted.is_empty() {
        vec![Protection::Confidential]
    } else {
        accepted
    }
}

/// What is less than confidential must be named, and only where it can occur.
fn check_platform(fields: &Fields<'_>, platform: Platform, reference: &ReferenceFields) {
    let problems = fields.problems();
    let simulated = reference.protection.contains(&Protection::Simulated);
    let path = fields.at("Protection");
    match platform {
        Platform::Software => {
            if !simulated {
                let hint = "write \"Protection\": [\"simulated\"] if this is a trial";
                problems.check_hint(
                    &path,
                    "platform software protects nothing: it must be accepted by name",
                    hint,
                );
            }
            if reference.debug {
                problems.check(&fields.at("Debug"), "platform software has no debug mode");
            }
        }
        _ if simulated => {
            problems.check(
                &path,
                format!("`simulated` is what platform software is, not {platform}"),
            );
        }
        Platform::Tpm if !reference.protection.contains(&Protection::IntegrityOnly) => {
            let message = "platform tpm hides no memory from the host: it must be accepted by name";
            problems.check_hint(&path, message, "write \"Protection\": [\"integrity_only\"]");
        }
        _ => {}
    }
}

fn read_statuses(fields: &Fields<'_>) -> Vec<TcbStatus> {
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
