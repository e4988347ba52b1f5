//! The manifest as a whole: parse, then it cannot be wrong.

use std::collections::BTreeMap;

use strongroom_crypto::digest::{Digest32, sha256};

use crate::config::Config;
use crate::fields::Fields;
use crate::infrastructure::Infrastructure;
use crate::marble::Marble;
use crate::model::{CoordinatorSection, Model};
use crate::names::{MarbleType, ModelName, PackageName, RoleName, SecretName, TlsTag, UserName};
use crate::package::Package;
use crate::problem::{ManifestErrors, Path, Problems};
use crate::secret::Secret;
use crate::tls::TlsConnections;
use crate::user::{RecoveryKey, Role, User};
use crate::{check, config, infrastructure, json, marble, model, package, secret, tls, user};

/// A manifest whose syntax, rules and references all hold. [`Manifest::parse`] is the only way to get one.
#[derive(Debug)]
pub struct Manifest {
    raw: Vec<u8>,
    digest: Digest32,
    parts: Parts,
}

/// The sections, while they are checked and afterwards.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) packages: BTreeMap<PackageName, Package>,
    pub(crate) infrastructures: BTreeMap<String, Infrastructure>,
    pub(crate) marbles: BTreeMap<MarbleType, Marble>,
    pub(crate) secrets: BTreeMap<SecretName, Secret>,
    pub(crate) users: BTreeMap<UserName, User>,
    pub(crate) roles: BTreeMap<RoleName, Role>,
    pub(crate) recovery_keys: BTreeMap<String, RecoveryKey>,
    pub(crate) models: BTreeMap<ModelName, Model>,
    pub(crate) tls: BTreeMap<TlsTag, TlsConnections>,
    pub(crate) coordinator: CoordinatorSection,
    pub(crate) config: Config,
}

const TOP: &[&str] = &[
    "Packages",
    "Infrastructures",
    "Marbles",
    "Users",
    "Secrets",
    "RecoveryKeys",
    "Roles",
    "TLS",
    "Config",
    "Models",
    "Coordinator",
];

impl Manifest {
    /// Reads and checks a manifest (JSON, UTF-8, at most 4 MiB).
    ///
    /// # Errors
    /// [`ManifestErrors`] with everything that is wrong, not just the first thing.
    pub fn parse(raw: &[u8]) -> Result<Self, ManifestErrors> {
        let problems = Problems::default();
        let value = match json::parse(raw) {
            Ok(value) => value,
            Err(message) => {
                let other = raw.trim_ascii_start().first().is_some_and(|byte| *byte != b'{');
                let hint = other.then(|| "a manifest is one JSON object; convert YAML first".to_owned());
                problems.decode(&Path::root(), message, hint);
                json::Value::Null
            }
        };
        let parts = read(&value, &problems);
        problems.into_result(())?;
        Ok(Self {
            raw: raw.to_vec(),
            digest: sha256(raw),
            parts,
        })
    }

    /// SHA-256 of the bytes as they were sent: what everybody means by "this manifest".
    pub fn digest(&self) -> Digest32 {
        self.digest
    }

    /// The bytes as they were sent.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// `Packages`.
    pub fn packages(&self) -> &BTreeMap<PackageName, Package> {
        &self.parts.packages
    }

    /// `Infrastructures`: where any is named, packages of platform sgx run on one of them only.
    pub fn infrastructures(&self) -> &BTreeMap<String, Infrastructure> {
        &self.parts.infrastructures
    }

    /// `Marbles`.
    pub fn marbles(&self) -> &BTreeMap<MarbleType, Marble> {
        &self.parts.marbles
    }

    /// One marble type.
    pub fn marble(&self, marble_type: &str) -> Option<&Marble> {
        self.parts.marbles.get(marble_type)
    }

    /// `Secrets`.
    pub fn secrets(&self) -> &BTreeMap<SecretName, Secret> {
        &self.parts.secrets
    }

    /// `Users`.
    pub fn users(&self) -> &BTreeMap<UserName, User> {
        &self.parts.users
    }

    /// `Roles`.
    pub fn roles(&self) -> &BTreeMap<RoleName, Role> {
        &self.parts.roles
    }

    /// `RecoveryKeys`.
    pub fn recovery_keys(&self) -> &BTreeMap<String, RecoveryKey> {
        &self.parts.recovery_keys
    }

    /// `Models`.
    pub fn models(&self) -> &BTreeMap<ModelName, Model> {
        &self.parts.models
    }

    /// `TLS`.
    pub fn tls(&self) -> &BTreeMap<TlsTag, TlsConnections> {
        &self.parts.tls
    }

    /// `Coordinator`.
    pub fn coordinator(&self) -> &CoordinatorSection {
        &self.parts.coordinator
    }

    /// `Config`.
    pub fn config(&self) -> &Config {
        &self.parts.config
    }

    /// Whether a secret is covered by no recovery and readable by nobody: what its declaration says, else whether a
    /// model names it as its key.
    pub fn is_guarded(&self, secret: &SecretName) -> bool {
        self.parts.is_guarded(secret)
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }
}

impl Parts {
    pub(crate) fn is_guarded(&self, secret: &SecretName) -> bool {
        let declared = self.secrets.get(secret).and_then(|secret| secret.guarded);
        declared.unwrap_or_else(|| self.is_model_key(secret))
    }

    pub(crate) fn is_model_key(&self, secret: &SecretName) -> bool {
        self.models.values().any(|model| model.key == *secret)
    }
}

fn read(value: &json::Value, problems: &Problems) -> Parts {
    let top = Fields::open(value, Path::root(), TOP, problems);
    let written_roles = user::read_roles(&top);
    let infrastructures = infrastructure::read(&top);
    let mut parts = Parts {
        packages: package::read(&top, &infrastructures),
        infrastructures,
        marbles: marble::read(&top),
        secrets: secret::read(&top),
        users: user::read_users(&top),
        roles: BTreeMap::new(),
        recovery_keys: user::read_recovery_keys(&top),
        models: model::read_models(&top),
        tls: tls::read(&top),
        coordinator: model::read_coordinator(&top),
        config: config::read(&top),
    };
    if matches!(value, json::Value::Object(_)) {
        check::references(&top, &parts, &written_roles, problems);
    }
    parts.roles = written_roles
        .into_iter()
        .map(|(name, written)| (name, written.role))
        .collect();
    parts
}
