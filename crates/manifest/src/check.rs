//! Rules across sections: every name refers to something, and nothing that is guarded can leak.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_attest::Platform;

use crate::fields::Fields;
use crate::manifest::Parts;
use crate::marble::{Content, Marble};
use crate::model::{Clients, Model};
use crate::names::{MarbleType, RoleName, SecretName};
use crate::package::Package;
use crate::problem::{Path, Problems, did_you_mean};
use crate::secret::{Secret, SecretKind};
use crate::template::{Function, Part, Place, Source, Template, Use};
use crate::user::{Permission, Resource, WrittenRole};

pub(crate) fn references(
    top: &Fields<'_>,
    parts: &Parts,
    roles: &BTreeMap<RoleName, WrittenRole>,
    problems: &Problems,
) {
    if parts.packages.is_empty() {
        problems.check(&top.at("Packages"), "no allowed packages defined");
    }
    if parts.marbles.is_empty() {
        problems.check(&top.at("Marbles"), "no allowed marbles defined");
    }
    let of_sgx = |package: &Package| package.platform == Platform::Sgx;
    if !parts.infrastructures.is_empty() && !parts.packages.values().any(of_sgx) {
        let message = "no package is of platform sgx: what they ask for would be asked of nobody";
        problems.check(&top.at("Infrastructures"), message);
    }
    for (name, marble) in &parts.marbles {
        marble_references(parts, marble, &top.at("Marbles").key(name.as_str()), problems);
    }
    dns_names(parts, &top.at("Marbles"), problems);
    models(parts, &top.at("Models"), problems);
    guarded(parts, &top.at("Secrets"), problems);
    tls(parts, &top.at("TLS"), problems);
    users(parts, roles, &top.at("Users"), problems);
    role_references(parts, roles, problems);
    thresholds(parts, roles, &top.at("Config"), problems);
    for (index, name) in parts.coordinator.packages.iter().enumerate() {
        if !parts.packages.contains_key(name) {
            let path = top.at("Coordinator").key("Packages").index(index);
            undefined(&path, "package", name.as_str(), parts.packages.keys(), problems);
        }
    }
}

fn undefined<'k, K: AsRef<str> + 'k>(
    path: &Path,
    kind: &str,
    name: &str,
    known: impl Iterator<Item = &'k K>,
    problems: &Problems,
) {
    let shown: String = name.chars().take(80).collect();
    let message = format!("there is no {kind} `{shown}`");
    if problems.is_full() {
        return problems.check(path, message);
    }
    match did_you_mean(name, known.map(AsRef::as_ref)) {
        Some(hint) => problems.check_hint(path, message, hint),
        None => problems.check(path, message),
    }
}

fn marble_references(parts: &Parts, marble: &Marble, path: &Path, problems: &Problems) {
    match parts.packages.get(&marble.package) {
        None if marble.package.as_str().is_empty() => {}
        None => {
            let name = marble.package.as_str();
            undefined(
                &path.key("Package"),
                "package",
                name,
                parts.packages.keys(),
                problems,
            );
        }
        Some(package) => {
            let launched = package.platform != Platform::Sgx;
            if launched && !package.reference.is_empty() && !package.has_workloads() {
                let message = format!(
                    "package `{}` lists no `Workloads`: any workload would do",
                    marble.package
                );
                problems.check_hint(
                    &path.key("Package"),
                    message,
                    "`strongroom workload digest` prints the digest of a description",
                );
            }
        }
    }
    for (index, tag) in marble.tls.iter().enumerate() {
        if !parts.tls.contains_key(tag) {
            undefined(
                &path.key("TLS").index(index),
                "TLS entry",
                tag.as_str(),
                parts.tls.keys(),
                problems,
            );
        }
    }
    for (index, model) in marble.models.iter().enumerate() {
        let place = path.key("Models").index(index);
        if !parts.models.contains_key(model) {
            undefined(&place, "model", model.as_str(), parts.models.keys(), problems);
        } else if marble.models[..index].contains(model) {
            problems.check(&place, "listed twice");
        }
    }
    let parameters = path.key("Parameters");
    for (file, content) in &marble.parameters.files {
        let place = parameters.key("Files").key(file);
        let under = file
            .strip_prefix(marble.provision_dir.as_str())
            .is_some_and(|rest| rest.starts_with('/'));
        if under && !marble.models.is_empty() {
            problems.check(
                &place,
                "lies in `ProvisionDir`, which holds the marble's identity and keys only",
            );
        }
        template_references(parts, content, &place, problems);
    }
    for (variable, content) in &marble.parameters.env {
        template_references(parts, content, &parameters.key("Env").key(variable), problems);
    }
    for (index, argument) in marble.parameters.argv.iter().enumerate() {
        for name in argument_secrets(argument) {
            if parts.is_guarded(&name) {
                let message =
                    format!("guarded secret `{name}` in an argument: every process can read arguments");
                problems.check(&parameters.key("Argv").index(index), message);
            }
        }
    }
    if marble.disable_secret_binding {
        for name in received(parts, marble) {
            if parts.is_guarded(&name) {
                let message = format!("receives guarded secret `{name}` and may not disable secret binding");
                problems.check(&path.key("DisableSecretBinding"), message);
            }
        }
    }
}

/// Secrets that an argument would name if arguments were templates, which they are not.
pub(crate) fn argument_secrets(argument: &str) -> BTreeSet<SecretName> {
    if !argument.contains("{{") {
        return BTreeSet::new();
    }
    [Place::File, Place::Env]
        .into_iter()
        .filter_map(|place| Template::parse(argument.as_bytes(), place).ok())
        .flat_map(|template| template.secrets().cloned().collect::<Vec<_>>())
        .collect()
}

/// Every secret that a marble gets by file, variable or model, each once.
pub(crate) fn received(parts: &Parts, marble: &Marble) -> BTreeSet<SecretName> {
    let parameters = &marble.parameters;
    let contents = parameters.files.values().chain(parameters.env.values());
    let by_template = contents
        .filter_map(Content::template)
        .flat_map(|template| template.secrets().cloned());
    let by_model = marble
        .models
        .iter()
        .filter_map(|name| parts.models.get(name))
        .map(|model| model.key.clone());
    by_template.chain(by_model).collect()
}

fn template_references(parts: &Parts, content: &Content, path: &Path, problems: &Problems) {
    let Some(template) = content.template() else {
        return;
    };
    for one in template.uses() {
        let Source::Secret { name, part, .. } = &one.source else {
            continue;
        };
        let Some(secret) = parts.secrets.get(name) else {
            undefined(path, "secret", name.as_str(), parts.secrets.keys(), problems);
            continue;
        };
        if let Some(message) = misuse(secret, *part, one) {
            problems.check(path, format!("secret `{name}`: {message}"));
        }
    }
}

fn misuse(secret: &Secret, part: Part, one: &Use) -> Option<&'static str> {
    let plain = matches!(secret.kind, SecretKind::Plain);
    if one.function == Some(Function::Text) && !plain {
        return Some(
            "only secrets of type plain are allowed to use string encoding for environment variables",
        );
    }
    if part == Part::Certificate && !secret.kind.is_certificate() {
        return Some("has no certificate");
    }
    None
}

fn dns_names(parts: &Parts, path: &Path, problems: &Problems) {
    let mut owners: BTreeMap<&crate::dns::Name, &MarbleType> = BTreeMap::new();
    for (marble_type, marble) in &parts.marbles {
        for name in &marble.dns_names {
            if let Some(owner) = owners.insert(name, marble_type) {
                let place = path.key(marble_type.as_str()).key("DNSNames");
                problems.check(
                    &place,
                    format!("`{name}` is listed for marble `{owner}` too: a name belongs to one"),
                );
            }
        }
    }
}

fn models(parts: &Parts, path: &Path, problems: &Problems) {
    for (name, model) in &parts.models {
        let place = path.key(name.as_str());
        model_key(parts, model, &place.key("Key"), problems);
        if let Clients::Ca(authorities) = &model.clients
            && let Some(leaf) = authorities.iter().find(|certificate| !certificate.is_ca())
        {
            let message = format!("{leaf:?} is no certification authority");
            problems.check_hint(
                &place.key("Clients").key("CA"),
                message,
                "`List` takes clients' own certificates",
            );
        }
    }
}

fn model_key(parts: &Parts, model: &Model, path: &Path, problems: &Problems) {
    if model.key.as_str().is_empty() {
        return;
    }
    let Some(secret) = parts.secrets.get(&model.key) else {
        return undefined(path, "secret", model.key.as_str(), parts.secrets.keys(), problems);
    };
    let fits = matches!(secret.kind, SecretKind::Symmetric { bits: 256 }) && secret.user_defined;
    if !fits {
        let message = format!("secret `{}` cannot hold a model key", model.key);
        let hint = "it is a symmetric-key of `Size` 256 with `UserDefined` true: the model owner uploads it";
        problems.check_hint(path, message, hint);
    }
}

fn guarded(parts: &Parts, path: &Path, problems: &Problems) {
    for (name, secret) in &parts.secrets {
        if secret.guarded == Some(true) && !secret.user_defined {
            let message =
                "only what a user uploads can be guarded: nobody could bring a generated value back";
            problems.check(&path.key(name.as_str()).key("Guarded"), message);
        }
    }
}

fn tls(parts: &Parts, path: &Path, problems: &Problems) {
    for (tag, connections) in &parts.tls {
        for (index, incoming) in connections.incoming.iter().enumerate() {
            let Some(name) = &incoming.cert else { continue };
            let place = path.key(tag.as_str()).key("Incoming").index(index).key("Cert");
            match parts.secrets.get(name) {
                None => undefined(&place, "secret", name.as_str(), parts.secrets.keys(), problems),
                Some(secret) if !secret.kind.is_certificate() => {
                    problems.check(&place, format!("secret `{name}` has no certificate"));
                }
                Some(_) => {}
            }
        }
    }
}

fn users(parts: &Parts, roles: &BTreeMap<RoleName, WrittenRole>, path: &Path, problems: &Problems) {
    let mut seen = BTreeMap::new();
    for (name, user) in &parts.users {
        let place = path.key(name.as_str());
        if let Some(certificate) = &user.certificate
            && let Some(other) = seen.insert(certificate.der(), name)
        {
            let message = format!("manifest contains the same certificate for users {other} and {name}");
            problems.check(&place.key("Certificate"), message);
        }
        for (index, role) in user.roles.iter().enumerate() {
            if !roles.contains_key(role) {
                undefined(
                    &place.key("Roles").index(index),
                    "role",
                    role.as_str(),
                    roles.keys(),
                    problems,
                );
            }
        }
    }
}

fn role_references(parts: &Parts, roles: &BTreeMap<RoleName, WrittenRole>, problems: &Problems) {
    for written in roles.values() {
        for (path, resource) in &written.resources {
            match resource {
                Resource::Package(name) if !parts.packages.contains_key(name) => {
                    undefined(path, "package", name.as_str(), parts.packages.keys(), problems);
                }
                Resource::Package(_) => {}
                Resource::Secret { name, read, write } => {
                    let Some(secret) = parts.secrets.get(name) else {
                        undefined(path, "secret", name.as_str(), parts.secrets.keys(), problems);
                        continue;
                    };
                    if *write && !secret.user_defined {
                        problems.check(
                            path,
                            format!("write permission for `{name}`, but secret is not user-defined"),
                        );
                    }
                    if *read && !secret.shared && !secret.user_defined {
                        problems.check(
                            path,
                            format!("read permission for per-marble-unique secret `{name}`"),
                        );
                    }
                    if *read && parts.is_guarded(name) {
                        let hint =
                            "a guarded secret reaches marbles and nobody else; \"Guarded\": false lifts that";
                        problems.check_hint(
                            path,
                            format!("read permission for guarded secret `{name}`"),
                            hint,
                        );
                    }
                }
            }
        }
    }
}

fn thresholds(parts: &Parts, roles: &BTreeMap<RoleName, WrittenRole>, path: &Path, problems: &Problems) {
    let may_update = |role: &RoleName| {
        roles
            .get(role)
            .is_some_and(|written| written.role.permissions.contains(&Permission::UpdateManifest))
    };
    let updaters = parts
        .users
        .values()
        .filter(|user| user.roles.iter().any(may_update))
        .count() as u64;
    let threshold = parts.config.update_threshold;
    if threshold > updaters {
        let message = format!(
            "not enough users with manifest update permissions ({updaters}) to meet the threshold of {threshold}"
        );
        problems.check(&path.key("UpdateThreshold"), message);
    }
    let keys = parts.recovery_keys.len() as u64;
    let threshold = parts.config.recovery_threshold;
    if threshold > keys {
        let message = format!(
            "not enough recovery keys ({keys}) defined to meet the recovery threshold of {threshold}"
        );
        problems.check(&path.key("RecoveryThreshold"), message);
    }
    if threshold == 1 {
        problems.check(
            &path.key("RecoveryThreshold"),
            "invalid recovery threshold: if set, threshold must be at least 2",
        );
    }
    if keys > RECOVERY_KEYS_MAX {
        problems.check(
            &path.key("RecoveryThreshold"),
            format!("more than {RECOVERY_KEYS_MAX} recovery keys"),
        );
    }
}

/// Shares of GF(2^8) have the places 1 to 255.
const RECOVERY_KEYS_MAX: u64 = 255;
