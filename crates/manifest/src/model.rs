//! `Models`: which encrypted models are served, with which key, to whom; and `Coordinator`.

use std::collections::BTreeMap;

use strongroom_crypto::digest::Digest32;
use strongroom_crypto::x509::Certificate;
use url::Url;

use crate::fields::{Fields, Item};
use crate::json::Value;
use crate::names::{ModelName, PackageName, SecretName};
use crate::problem::{Path, Problems};

/// One model of a model owner.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Model {
    /// Digests of the bundles that may be loaded, each a version; never empty.
    pub bundles: Vec<Digest32>,
    /// Where the bundles lie: a URL that [`Url`] reads, as the manifest writes it.
    pub store: String,
    /// The secret that holds the model key.
    pub key: SecretName,
    /// Who may predict.
    pub clients: Clients,
}

/// Who may predict with a model.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum Clients {
    /// Everybody who reaches it. A model can be copied by asking it often enough.
    Anyone,
    /// Holders of a certificate that chains to one of these.
    Ca(Vec<Certificate>),
    /// Holders of one of these certificates, byte for byte.
    List(Vec<Certificate>),
}

/// `Coordinator`: what may open, take over and join the state of this deployment.
#[derive(Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CoordinatorSection {
    /// Packages that may; empty: exactly the coordinator that was given the manifest.
    pub packages: Vec<PackageName>,
}

const MODEL: &[&str] = &["Bundles", "Store", "Key", "Clients"];
const SCHEMES: &[&str] = &[
    "file", "s3", "gs", "az", "azure", "abfs", "abfss", "http", "https",
];

pub(crate) fn read_models(top: &Fields<'_>) -> BTreeMap<ModelName, Model> {
    let mut models = BTreeMap::new();
    for item in top.map("Models") {
        if !is_model_name(item.name) {
            let message =
                "the name of a model stands in URLs: letters, digits, `_`, `-`, `.`; no `.` in front";
            top.problems().check(&item.path, message);
        }
        models.insert(ModelName::from(item.name), read_model(&item, top.problems()));
    }
    models
}

fn is_model_name(name: &str) -> bool {
    name.len() <= 128
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

fn read_model(item: &Item<'_>, problems: &Problems) -> Model {
    let fields = Fields::open(item.value, item.path.clone(), MODEL, problems);
    let before = problems.count();
    let bundles = read_bundles(&fields);
    if bundles.is_empty() && problems.count() == before {
        let message = "a model names the digest of each bundle that may be loaded";
        problems.check_hint(
            &fields.at("Bundles"),
            message,
            "`strongroom model encrypt` prints it",
        );
    }
    let before = problems.count();
    let key = fields.text_if_set("Key").map(SecretName::from);
    if key.is_none() && problems.count() == before {
        problems.check(&fields.at("Key"), "a model names the secret that holds its key");
    }
    Model {
        bundles,
        store: read_store(&fields),
        key: key.unwrap_or_else(|| SecretName::from("")),
        clients: read_clients(&fields),
    }
}

fn read_bundles(fields: &Fields<'_>) -> Vec<Digest32> {
    let mut bundles = Vec::new();
    for (path, digest) in fields.texts("Bundles") {
        match digest.parse() {
            Ok(digest) if bundles.contains(&digest) => fields.problems().check(&path, "listed twice"),
            Ok(digest) => bundles.push(digest),
            Err(error) => fields
                .problems()
                .check(&path, format!("no bundle digest: {error}")),
        }
    }
    bundles
}

fn read_store(fields: &Fields<'_>) -> String {
    let before = fields.problems().count();
    let Some(store) = fields.text_if_set("Store") else {
        if fields.problems().count() == before {
            let message = "missing: the URL of the folder or bucket where the bundles lie";
            fields.problems().check(&fields.at("Store"), message);
        }
        return String::new();
    };
    let refuse = |message: String| fields.problems().check(&fields.at("Store"), message);
    match Url::parse(store) {
        Err(error) => refuse(format!("no URL: {error}")),
        Ok(url) if !SCHEMES.contains(&url.scheme()) => {
            refuse(format!(
                "unknown kind of store `{}`; known are {}",
                url.scheme(),
                SCHEMES.join(", ")
            ));
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            refuse("everybody can read a manifest: credentials do not belong into it".to_owned());
        }
        Ok(url) if url.scheme() != "file" && url.host_str().is_none_or(str::is_empty) => {
            refuse("names no bucket or host".to_owned());
        }
        Ok(_) => {}
    }
    store.to_owned()
}

fn read_clients(fields: &Fields<'_>) -> Clients {
    let path = fields.at("Clients");
    let problems = fields.problems();
    match fields.value("Clients") {
        Some(Value::Text(word)) if word == "anyone" => Clients::Anyone,
        Some(value @ Value::Object(_)) => {
            let inner = Fields::open(value, path.clone(), &["CA", "List"], problems);
            let before = problems.count();
            let authorities = inner
                .text_if_set("CA")
                .map(|pem| read_pem(pem, &inner.at("CA"), problems));
            let listed: Vec<Certificate> = match inner.value("List") {
                None => Vec::new(),
                Some(_) => inner
                    .texts("List")
                    .into_iter()
                    .flat_map(|(place, pem)| read_pem(pem, &place, problems).into_iter().take(1))
                    .collect(),
            };
            match (authorities, listed.is_empty()) {
                (Some(authorities), true) => Clients::Ca(authorities),
                (None, false) => Clients::List(listed),
                _ => {
                    if problems.count() == before {
                        problems.check(&path, "give either `CA` or a non-empty `List`");
                    }
                    Clients::List(Vec::new())
                }
            }
        }
        other => {
            let found = other.map_or("nothing", Value::kind);
            let message =
                format!("expected \"anyone\", {{\"CA\": PEM}} or {{\"List\": [PEM, …]}}, found {found}");
            problems.check_hint(&path, message, "say who may predict: there is no default");
            Clients::List(Vec::new())
        }
    }
}

fn read_pem(pem: &str, path: &Path, problems: &Problems) -> Vec<Certificate> {
    match Certificate::parse_pem_chain(pem) {
        Ok(certificates) if !certificates.is_empty() => certificates,
        Ok(_) => {
            problems.check(path, "no PEM certificate found");
            Vec::new()
        }
        Err(error) => {
            problems.check(path, error.to_string());
            Vec::new()
        }
    }
}

pub(crate) fn read_coordinator(top: &Fields<'_>) -> CoordinatorSection {
    let Some(fields) = top.object("Coordinator", &["Packages"]) else {
        return CoordinatorSection::default();
    };
    let packages = fields
        .texts("Packages")
        .into_iter()
        .map(|(_, name)| PackageName::from(name))
        .collect();
    CoordinatorSection { packages }
}
