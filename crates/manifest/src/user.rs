//! `Users`, `Roles` and `RecoveryKeys`: who is known, and what each may do.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_crypto::rsa::RecoveryPublicKey;
use strongroom_crypto::x509::Certificate;

use crate::fields::Fields;
use crate::names::{PackageName, RoleName, SecretName, UserName};
use crate::problem::Path;

/// Somebody who may do something; known by a certificate.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct User {
    /// The certificate that the user's TLS client presents, byte for byte. `None` only while a manifest is being checked.
    pub(crate) certificate: Option<Certificate>,
    /// Roles, whose permissions add up.
    pub roles: Vec<RoleName>,
}

impl User {
    /// The certificate that the user's TLS client presents.
    ///
    /// # Panics
    /// Never: a manifest whose users lack a certificate does not parse.
    pub fn certificate(&self) -> &Certificate {
        self.certificate
            .as_ref()
            .expect("a manifest with a user without certificate does not parse")
    }
}

/// One thing that a role allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[non_exhaustive]
pub enum Permission {
    /// Read a secret's value.
    ReadSecret(SecretName),
    /// Set a secret's value.
    WriteSecret(SecretName),
    /// Raise a package's least security version.
    UpdateSecurityVersion(PackageName),
    /// Propose, acknowledge or cancel another manifest.
    UpdateManifest,
    /// Add what vendors sign about platforms.
    AddEndorsements,
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ReadSecret(name) => write!(f, "read secret {name}"),
            Self::WriteSecret(name) => write!(f, "write secret {name}"),
            Self::UpdateSecurityVersion(name) => write!(f, "update package {name}"),
            Self::UpdateManifest => f.write_str("update the manifest"),
            Self::AddEndorsements => f.write_str("add endorsements"),
        }
    }
}

/// Permissions under one name.
#[derive(Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Role {
    /// What it allows.
    pub permissions: BTreeSet<Permission>,
}

/// A key that recovery secrets are encrypted to.
#[derive(Debug)]
#[non_exhaustive]
pub struct RecoveryKey {
    /// The key.
    pub key: RecoveryPublicKey,
    /// As the manifest writes it.
    pub pem: String,
}

impl PartialEq for RecoveryKey {
    fn eq(&self, other: &Self) -> bool {
        self.pem == other.pem
    }
}

pub(crate) fn read_users(top: &Fields<'_>) -> BTreeMap<UserName, User> {
    let problems = top.problems();
    let mut users = BTreeMap::new();
    for item in top.map("Users") {
        let fields = Fields::open(item.value, item.path.clone(), &["Certificate", "Roles"], problems);
        let before = problems.count();
        let certificate = match fields.text_if_set("Certificate").map(Certificate::parse_pem) {
            Some(Ok(certificate)) => Some(certificate),
            Some(Err(error)) => {
                problems.check(
                    &fields.at("Certificate"),
                    format!("received invalid certificate: {error}"),
                );
                None
            }
            None => {
                if problems.count() == before {
                    problems.check(
                        &fields.at("Certificate"),
                        "missing: a user is known by a certificate (PEM)",
                    );
                }
                None
            }
        };
        let roles = fields
            .texts("Roles")
            .into_iter()
            .map(|(_, role)| RoleName::from(role))
            .collect();
        users.insert(UserName::from(item.name), User { certificate, roles });
    }
    users
}

/// A role as written: its permissions, and the places of the names that they refer to.
pub(crate) struct WrittenRole {
    pub(crate) role: Role,
    pub(crate) resources: Vec<(Path, Resource)>,
}

pub(crate) enum Resource {
    Package(PackageName),
    Secret {
        name: SecretName,
        read: bool,
        write: bool,
    },
}

pub(crate) fn read_roles(top: &Fields<'_>) -> BTreeMap<RoleName, WrittenRole> {
    let entries = top.map("Roles");
    entries
        .into_iter()
        .map(|item| {
            let known = ["ResourceType", "ResourceNames", "Actions"];
            let fields = Fields::open(item.value, item.path.clone(), &known, top.problems());
            (RoleName::from(item.name), read_role(&fields))
        })
        .collect()
}

fn read_role(fields: &Fields<'_>) -> WrittenRole {
    let mut written = WrittenRole {
        role: Role::default(),
        resources: Vec::new(),
    };
    let problems = fields.problems();
    let names = fields.texts("ResourceNames");
    let before = problems.count();
    match fields.text("ResourceType").unwrap_or_default() {
        "Packages" => {
            let update = actions(fields, "Packages", ["UpdateSecurityVersion"])[0];
            for (path, name) in names {
                let package = PackageName::from(name);
                if update {
                    written
                        .role
                        .permissions
                        .insert(Permission::UpdateSecurityVersion(package.clone()));
                }
                written.resources.push((path, Resource::Package(package)));
            }
        }
        "Secrets" => {
            let [read, write] = actions(fields, "Secrets", ["ReadSecret", "WriteSecret"]);
            for (path, name) in names {
                let name = SecretName::from(name);
                if read {
                    written
                        .role
                        .permissions
                        .insert(Permission::ReadSecret(name.clone()));
                }
                if write {
                    written
                        .role
                        .permissions
                        .insert(Permission::WriteSecret(name.clone()));
                }
                written
                    .resources
                    .push((path, Resource::Secret { name, read, write }));
            }
        }
        "Manifest" => {
            let [update, endorse] = actions(fields, "Manifest", ["UpdateManifest", "AddEndorsements"]);
            let permissions = &mut written.role.permissions;
            permissions.extend(update.then_some(Permission::UpdateManifest));
            permissions.extend(endorse.then_some(Permission::AddEndorsements));
            if !names.is_empty() {
                problems.check(
                    &fields.at("ResourceNames"),
                    "resource names are not allowed for type Manifest",
                );
            }
        }
        other if problems.count() == before => problems.check_hint(
            &fields.at("ResourceType"),
            format!("unrecognized resource type: `{other}`"),
            "known are Packages, Secrets and Manifest, in this spelling",
        ),
        _ => {}
    }
    written
}

/// Which of the known actions are named; unknown ones are noted.
fn actions<const N: usize>(fields: &Fields<'_>, kind: &str, known: [&str; N]) -> [bool; N] {
    let mut named = [false; N];
    for (path, action) in fields.texts("Actions") {
        match known
            .iter()
            .position(|candidate| candidate.eq_ignore_ascii_case(action))
        {
            Some(index) => named[index] = true,
            None => fields.problems().check_hint(
                &path,
                format!("unknown action: {action} for type {kind}"),
                format!("known are {}", known.join(", ")),
            ),
        }
    }
    named
}

pub(crate) fn read_recovery_keys(top: &Fields<'_>) -> BTreeMap<String, RecoveryKey> {
    let problems = top.problems();
    let mut keys = BTreeMap::new();
    for item in top.map("RecoveryKeys") {
        let Some(pem) = crate::fields::text(item.value, &item.path, problems) else {
            continue;
        };
        match RecoveryPublicKey::from_pem(pem) {
            Ok(key) => {
                keys.insert(
                    item.name.to_owned(),
                    RecoveryKey {
                        key,
                        pem: pem.to_owned(),
                    },
                );
            }
            Err(error) => problems.check_hint(
                &item.path,
                error.to_string(),
                "a recovery key is an RSA key of 2048 to 8192 bits, PEM `PUBLIC KEY`",
            ),
        }
    }
    keys
}
