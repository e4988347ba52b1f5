//! `Packages`: what may run, lowered to the reference values that every other verifier uses too.

use std::collections::BTreeMap;

use strongroom_attest::reference::{Exception, Fields as ReferenceFields};
use strongroom_attest::{Platform, Protection, ReferenceValues};

use crate::fields::{Fields, Item};
use crate::infrastructure::Infrastructure;
use crate::names::PackageName;
use crate::problem::{Problems, did_you_mean};

mod policy;
mod sgx;

/// Programs that may run as a marble, or as a coordinator.
#[derive(Debug)]
#[non_exhaustive]
pub struct Package {
    /// What is expected of their evidence; one of these must hold as a whole. Empty only while a manifest is being
    /// checked.
    pub(crate) reference: Vec<ReferenceValues>,
    /// The platform that vouches for them.
    pub platform: Platform,
    /// MarbleRun's `Debug`: the enclave may be one that the host can look into.
    pub debug: bool,
}

impl Package {
    /// What is expected of the evidence: one of these must hold as a whole. More than one only where the manifest names
    /// several infrastructures; they differ in what is asked of the platform, never in the program.
    pub fn reference_values(&self) -> &[ReferenceValues] {
        &self.reference
    }

    /// What every one of [`Self::reference_values`] says of the program.
    ///
    /// # Panics
    /// Never: a manifest with a package that expects nothing does not parse.
    pub fn program(&self) -> &ReferenceFields {
        self.written()
            .expect("a manifest with a package that expects nothing does not parse")
    }

    /// Protection that is accepted.
    pub fn protection(&self) -> &[Protection] {
        self.written().map_or(&[], |fields| &fields.protection)
    }

    /// Named exceptions from single checks.
    pub fn exceptions(&self) -> &[Exception] {
        self.written().map_or(&[], |fields| &fields.exceptions)
    }

    pub(crate) fn has_workloads(&self) -> bool {
        self.written().is_some_and(|fields| !fields.workloads.is_empty())
    }

    pub(crate) fn written(&self) -> Option<&ReferenceFields> {
        self.reference.first().map(ReferenceValues::fields)
    }
}

impl PartialEq for Package {
    fn eq(&self, other: &Self) -> bool {
        let fields = |package: &Self| -> Vec<ReferenceFields> {
            let values = package.reference.iter();
            values.map(|values| values.fields().clone()).collect()
        };
        (fields(self), self.platform, self.debug) == (fields(other), other.platform, other.debug)
    }
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
    "Policy",
    "RequiredChecks",
    "Exceptions",
];
const SGX_ONLY: [&str; 4] = ["UniqueID", "SignerID", "ProductID", "SecurityVersion"];

pub(crate) fn read(
    top: &Fields<'_>,
    infrastructures: &BTreeMap<String, Infrastructure>,
) -> BTreeMap<PackageName, Package> {
    let entries = top.map("Packages");
    entries
        .into_iter()
        .map(|item| {
            let package = read_one(&item, infrastructures, top.problems());
            (PackageName::from(item.name), package)
        })
        .collect()
}

fn read_one(
    item: &Item<'_>,
    infrastructures: &BTreeMap<String, Infrastructure>,
    problems: &Problems,
) -> Package {
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
        sgx::read(&fields, &mut reference);
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
        policy::read(&fields, &mut reference);
        sgx::read_tcb(&fields, &mut reference);
        check_platform(&fields, platform, &reference);
    }
    // What could not be read in full has been said; the rules would only say it again in other words.
    let reference = if problems.count() == before {
        lower(&fields, reference, infrastructures)
    } else {
        Vec::new()
    };
    Package {
        reference,
        platform,
        debug,
    }
}

fn lower(
    fields: &Fields<'_>,
    reference: ReferenceFields,
    infrastructures: &BTreeMap<String, Infrastructure>,
) -> Vec<ReferenceValues> {
    let alternatives = if reference.platform == Platform::Sgx && !infrastructures.is_empty() {
        let narrowed = infrastructures.values().map(|one| one.narrow(&reference));
        narrowed.collect()
    } else {
        vec![reference]
    };
    let lowered: Result<Vec<_>, _> = alternatives.into_iter().map(ReferenceValues::new).collect();
    lowered.unwrap_or_else(|error| {
        fields.problems().check(fields.path(), error.to_string());
        Vec::new()
    })
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
    if reference.debug && platform != Platform::Sgx {
        let message = format!("platform {platform} has no debug mode that can be accepted");
        problems.check(&fields.at("Debug"), message);
    }
    match platform {
        Platform::Software if !simulated => {
            let hint = "write \"Protection\": [\"simulated\"] if this is a trial";
            problems.check_hint(
                &path,
                "platform software protects nothing: it must be accepted by name",
                hint,
            );
        }
        Platform::Software => {}
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
