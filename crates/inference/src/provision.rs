//! `provision.json`: what the launcher hands over in confidential mode. Models, digests, stores, keys, clients and
//! identity are those of this file; no flag changes them.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use strongroom_bundle::BundleDigest;
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::secret::KeyId;

use crate::clients::{Clients, ClientsError};
use crate::model::keys::KeyFolder;
use crate::model::policy::VersionPolicy;
use crate::model::{ModelPlan, Source};
use crate::tls::IdentityFiles;

/// What the file fixes.
#[derive(Debug)]
pub struct Provision {
    /// Models to serve.
    pub models: Vec<ModelPlan>,
    /// Who this server is.
    pub identity: IdentityFiles,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// It cannot be read.
    #[error("{0} cannot be read")]
    Io(PathBuf, #[source] io::Error),
    /// It is not of the format.
    #[error("the provision file is malformed")]
    Malformed(#[source] serde_json::Error),
    /// A value in it has no meaning.
    #[error("the provision file is malformed: {0}")]
    Value(String),
    /// Its clients cannot be read.
    #[error(transparent)]
    Clients(#[from] ClientsError),
}

impl ProvisionError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(..) => "provision.io",
            Self::Malformed(_) | Self::Value(_) | Self::Clients(_) => "provision.malformed",
        }
    }
}

impl Provision {
    /// Reads the file. Paths in it are relative to its folder and stay below it.
    ///
    /// # Errors
    /// When it is missing or not exactly of the format.
    pub fn read(path: &Path) -> Result<Self, ProvisionError> {
        let text = fs::read(path).map_err(|error| ProvisionError::Io(path.to_owned(), error))?;
        Self::parse(&text, path.parent().unwrap_or(Path::new(".")))
    }

    fn parse(text: &[u8], folder: &Path) -> Result<Self, ProvisionError> {
        let file: File = serde_json::from_slice(text).map_err(ProvisionError::Malformed)?;
        if file.format != FORMAT {
            return Err(value(format!("format {:?} is not {FORMAT:?}", file.format)));
        }
        let keys = KeyFolder::new(below(folder, &file.keys_dir)?);
        let models = file
            .models
            .into_iter()
            .map(|model| model.plan(&keys))
            .collect::<Result<Vec<_>, _>>()?;
        if models.is_empty() {
            return Err(value("it names no model"));
        }
        let mut names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(value("it names a model twice"));
        }
        Ok(Self {
            models,
            identity: IdentityFiles {
                private_key: below(folder, &file.identity.private_key)?,
                certificate_chain: below(folder, &file.identity.certificate_chain)?,
            },
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    #[serde(rename = "marble_type")]
    _marble_type: String,
    models: Vec<Model>,
    identity: Identity,
    keys_dir: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    name: String,
    store: String,
    bundles: Vec<Digest32>,
    key_id: KeyId,
    clients: ClientsJson,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    private_key: PathBuf,
    certificate_chain: PathBuf,
    // Roots that the launcher hands to every program; a server that verifies no peer marble needs neither.
    #[serde(rename = "marble_root")]
    _marble_root: PathBuf,
    #[serde(rename = "coordinator_root")]
    _coordinator_root: PathBuf,
}

#[derive(Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
enum ClientsJson {
    Anyone,
    Ca { pem: String },
    List { pem: Vec<String> },
}

impl Model {
    fn plan(self, keys: &KeyFolder) -> Result<ModelPlan, ProvisionError> {
        if self.bundles.is_empty() {
            return Err(value(format!("model {:?} allows no bundle", self.name)));
        }
        let clients = match self.clients {
            ClientsJson::Anyone => Clients::anyone(),
            ClientsJson::Ca { pem } => Clients::of_authority(&pem)?,
            ClientsJson::List { pem } => Clients::listed(pem.iter().map(String::as_str))?,
        };
        let source = Source::Bundles {
            store: self.store,
            digests: self.bundles.into_iter().map(BundleDigest).collect(),
            key_id: Some(self.key_id),
            keys: Some(keys.clone()),
        };
        Ok(ModelPlan {
            name: self.name,
            source,
            clients,
            versions: VersionPolicy::default(),
            labels: std::collections::BTreeMap::new(),
        })
    }
}

fn below(folder: &Path, path: &Path) -> Result<PathBuf, ProvisionError> {
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if plain {
        Ok(folder.join(path))
    } else {
        Err(value(format!("{} leads out of its folder", path.display())))
    }
}

fn value(why: impl Into<String>) -> ProvisionError {
    ProvisionError::Value(why.into())
}

const FORMAT: &str = "strongroom.provision.v1";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> serde_json::Value {
        json!({
            "format": "strongroom.provision.v1",
            "marble_type": "inference",
            "models": [{
                "name": "digits", "store": "file:///models/digits", "bundles": ["11".repeat(32), "22".repeat(32)],
                "key_id": "33".repeat(16), "clients": {"mode": "anyone"},
            }],
            "identity": {
                "private_key": "identity/key.pem", "certificate_chain": "identity/chain.pem",
                "marble_root": "identity/marble_root.pem", "coordinator_root": "identity/coordinator_root.pem",
            },
            "keys_dir": "keys",
        })
    }

    fn outcome(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut file = good();
        change(&mut file);
        let read = Provision::parse(file.to_string().as_bytes(), Path::new("/run/strongroom"));
        read.map_or_else(|error| error.code().to_owned(), |_| "ok".to_owned())
    }

    #[test]
    fn reads_what_the_coordinator_writes() {
        let text = good().to_string();
        let provision = Provision::parse(text.as_bytes(), Path::new("/run/strongroom")).expect("good");
        assert_eq!(
            provision.identity.private_key,
            Path::new("/run/strongroom/identity/key.pem")
        );
        let Source::Bundles { digests, .. } = &provision.models[0].source else {
            panic!("bundles")
        };
        assert_eq!(digests[1].0, Digest32([0x22; 32]));
        assert!(provision.models[0].clients.is_anyone());
    }

    #[test]
    fn refuses_what_it_should() {
        assert_eq!(outcome(|_| ()), "ok");
        let malformed: [fn(&mut serde_json::Value); 9] = [
            |file| file["format"] = json!("strongroom.provision.v2"),
            |file| file["extra"] = json!(1),
            |file| file["models"] = json!([]),
            |file| file["models"][0]["bundles"] = json!([]),
            |file| file["models"][0]["bundles"][0] = json!("zz"),
            |file| file["models"][0]["clients"] = json!({"mode": "everyone"}),
            |file| file["models"][0]["clients"] = json!({"mode": "ca", "pem": "nothing"}),
            |file| file["keys_dir"] = json!("/etc"),
            |file| file["identity"]["private_key"] = json!("../key.pem"),
        ];
        for (index, change) in malformed.into_iter().enumerate() {
            assert_eq!(outcome(change), "provision.malformed", "{index}");
        }
        let twice = |file: &mut serde_json::Value| {
            let model = file["models"][0].clone();
            file["models"].as_array_mut().expect("an array").push(model);
        };
        assert_eq!(outcome(twice), "provision.malformed");
    }
}
