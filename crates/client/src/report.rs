//! Who runs what, and who may do what: the answer to the question that comes before a secret is sent.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use strongroom_attest::{Platform, Protection, Report};
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_manifest::{Channel, Clients, Exception, Manifest, SecretKind};

use crate::deployment::TrustedCoordinator;
use crate::trust::Change;

/// Everything that a verification found.
#[derive(Debug, Clone, Serialize)]
pub struct DeploymentReport {
    /// Where the coordinator is.
    pub address: String,
    /// What its platform protects from, in words.
    pub protection: String,
    /// The platform protects nothing.
    pub simulated: bool,
    /// The coordinator's evidence, check by check.
    pub evidence: Report,
    /// The coordinator's measurement.
    pub measurement: String,
    /// Why the coordinator releases nothing though it is verified, such as `time.behind`; else nothing.
    pub held: Option<String>,
    /// SHA-256 of the coordinator's root certificate.
    pub root: Digest32,
    /// SHA-256 of the root of the marbles' certificates.
    pub marble_root: Digest32,
    /// SHA-256 of the manifest in force.
    pub manifest_digest: Digest32,
    /// Where the log stands.
    pub log_head: LogHead,
    /// What may run.
    pub packages: BTreeMap<String, PackageReport>,
    /// What runs as what.
    pub marbles: BTreeMap<String, MarbleReport>,
    /// What is served, to whom.
    pub models: BTreeMap<String, ModelReport>,
    /// Where each secret goes.
    pub secrets: BTreeMap<String, SecretReport>,
    /// Who may replace the manifest, and with it everything here.
    pub update: UpdateReport,
    /// Who can bring the state back on another machine.
    pub recovery: RecoveryReport,
    /// By what this deployment is weaker than it could be.
    pub exceptions: Vec<Exception>,
    /// What changed since the trust file was written, where that was accepted.
    pub changes: Vec<String>,
}

/// One package.
#[derive(Debug, Clone, Serialize)]
pub struct PackageReport {
    /// Its platform.
    pub platform: Platform,
    /// Accepted programs (launchers, or coordinators).
    pub measurements: Vec<String>,
    /// Accepted signers of programs.
    pub signers: Vec<Digest32>,
    /// Accepted workload descriptions.
    pub workloads: Vec<Digest32>,
    /// Accepted protection.
    pub protection: Vec<Protection>,
}

/// One marble type.
#[derive(Debug, Clone, Serialize)]
pub struct MarbleReport {
    /// Its package.
    pub package: String,
    /// Names that are its alone; empty where the host chooses.
    pub dns_names: Vec<String>,
    /// Models that it serves.
    pub models: Vec<String>,
    /// How often it may be started; none means without limit.
    pub max_activations: Option<u64>,
}

/// One model.
#[derive(Debug, Clone, Serialize)]
pub struct ModelReport {
    /// Digests of the bundles that may be loaded.
    pub bundles: Vec<Digest32>,
    /// Where they lie.
    pub store: String,
    /// The secret that opens them.
    pub key: String,
    /// Who may predict, in words.
    pub clients: String,
}

/// One secret.
#[derive(Debug, Clone, Serialize)]
pub struct SecretReport {
    /// Its kind, in words.
    pub kind: String,
    /// It has a value.
    pub set: bool,
    /// Covered by no recovery, readable by nobody, bound to this manifest.
    pub guarded: bool,
    /// A user sets it; otherwise the coordinator makes it.
    pub user_defined: bool,
    /// Which marble receives it, and how.
    pub received_by: Vec<Receiver>,
    /// Users who may read it.
    pub readers: Vec<String>,
    /// Users who may set it.
    pub writers: Vec<String>,
}

/// One way of a secret into a marble.
#[derive(Debug, Clone, Serialize)]
pub struct Receiver {
    /// Marble type.
    pub marble: String,
    /// `file PATH` and the like.
    pub how: String,
}

/// Who may replace the manifest.
#[derive(Debug, Clone, Serialize)]
pub struct UpdateReport {
    /// Users with the right.
    pub users: Vec<String>,
    /// How many of them it takes; 0 where nobody can.
    pub needed: usize,
}

/// Who can bring the state back on another machine, and read what is not guarded.
#[derive(Debug, Clone, Serialize)]
pub struct RecoveryReport {
    /// Names of the recovery keys.
    pub keys: Vec<String>,
    /// How many of them it takes; 0 where nobody can.
    pub needed: u64,
}

impl DeploymentReport {
    pub(crate) fn new(coordinator: &TrustedCoordinator) -> Self {
        let (manifest, trust) = (coordinator.manifest(), coordinator.trust());
        let claims = coordinator.appraised().claims();
        let is_set = |name: &str| {
            coordinator
                .status()
                .secrets
                .get(name)
                .is_some_and(|secret| secret.set)
        };
        Self {
            address: trust.coordinator().to_owned(),
            protection: claims.protection().to_string(),
            simulated: trust.simulated(),
            evidence: coordinator.appraised().report().clone(),
            measurement: claims.measurement().to_string(),
            held: coordinator.status().held.as_deref().map(crate::rest::sentence),
            root: sha256(trust.root().der()),
            marble_root: sha256(trust.marble_root().der()),
            manifest_digest: trust.manifest_digest(),
            log_head: trust.log_head(),
            packages: packages(manifest),
            marbles: marbles(manifest),
            models: models(manifest),
            secrets: secrets(manifest, is_set),
            update: update(manifest),
            recovery: recovery(manifest),
            exceptions: manifest.exceptions(),
            changes: coordinator.changes().iter().map(Change::to_string).collect(),
        }
    }
}

fn names<T: fmt::Display>(list: &[T]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn packages(manifest: &Manifest) -> BTreeMap<String, PackageReport> {
    let report = |package: &strongroom_manifest::Package| {
        let fields = package.program();
        PackageReport {
            platform: package.platform,
            measurements: names(&fields.measurements),
            signers: fields.signers.clone(),
            workloads: fields.workloads.clone(),
            protection: fields.protection.clone(),
        }
    };
    manifest
        .packages()
        .iter()
        .map(|(name, package)| (name.to_string(), report(package)))
        .collect()
}

fn marbles(manifest: &Manifest) -> BTreeMap<String, MarbleReport> {
    let report = |marble: &strongroom_manifest::Marble| MarbleReport {
        package: marble.package.to_string(),
        dns_names: names(&marble.dns_names),
        models: names(&marble.models),
        max_activations: Some(marble.max_activations).filter(|max| *max > 0),
    };
    manifest
        .marbles()
        .iter()
        .map(|(name, marble)| (name.to_string(), report(marble)))
        .collect()
}

fn models(manifest: &Manifest) -> BTreeMap<String, ModelReport> {
    let report = |model: &strongroom_manifest::Model| ModelReport {
        bundles: model.bundles.clone(),
        store: model.store.clone(),
        key: model.key.to_string(),
        clients: match &model.clients {
            Clients::Anyone => "anyone".to_owned(),
            Clients::Ca(_) => "holders of certificates of the manifest's authority".to_owned(),
            Clients::List(list) => format!("holders of {} listed certificates", list.len()),
            _ => "others".to_owned(),
        },
    };
    manifest
        .models()
        .iter()
        .map(|(name, model)| (name.to_string(), report(model)))
        .collect()
}

fn secrets(manifest: &Manifest, is_set: impl Fn(&str) -> bool) -> BTreeMap<String, SecretReport> {
    let report = |name: &strongroom_manifest::SecretName, secret: &strongroom_manifest::Secret| {
        let access = manifest.secret_access(name);
        let flow = manifest.secret_flow(name.as_str());
        SecretReport {
            kind: kind(&secret.kind),
            set: is_set(name.as_str()),
            guarded: access.guarded,
            user_defined: secret.user_defined,
            received_by: flow
                .iter()
                .map(|delivery| Receiver {
                    marble: delivery.marble.to_string(),
                    how: how(&delivery.how),
                })
                .collect(),
            readers: names(&access.readers),
            writers: names(&access.writers),
        }
    };
    manifest
        .secrets()
        .iter()
        .map(|(name, secret)| (name.to_string(), report(name, secret)))
        .collect()
}

fn kind(kind: &SecretKind) -> String {
    match kind {
        SecretKind::Symmetric { bits } => format!("symmetric key of {bits} bits"),
        SecretKind::Plain => "plain".to_owned(),
        _ => "certificate and key".to_owned(),
    }
}

fn how(channel: &Channel) -> String {
    match channel {
        Channel::File(path) => format!("file {path}"),
        Channel::Variable(name) => format!("variable {name}"),
        Channel::ModelKey(model) => format!("key of model {model}"),
        Channel::TlsCertificate(tag) => format!("TLS certificate of {tag}"),
        _ => "another way".to_owned(),
    }
}

fn update(manifest: &Manifest) -> UpdateReport {
    let users = manifest.users_who(&strongroom_manifest::Permission::UpdateManifest);
    UpdateReport {
        users: names(&users),
        needed: manifest.update_acknowledgements(),
    }
}

fn recovery(manifest: &Manifest) -> RecoveryReport {
    let keys: Vec<String> = manifest.recovery_keys().keys().cloned().collect();
    let threshold = manifest.config().recovery_threshold;
    let needed = if threshold > 0 {
        threshold
    } else {
        keys.len() as u64
    };
    RecoveryReport { keys, needed }
}

impl fmt::Display for DeploymentReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::report_text::write(self, f)
    }
}
