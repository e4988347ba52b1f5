//! The provision file of a marble with models, and one file for each model key (`strongroom.provision.v1`).

use std::collections::BTreeMap;

use serde::Serialize;
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::secret::{KeyId, ModelKey};
use strongroom_manifest::{Clients, Manifest, MarbleType, SecretValue};

use super::session::{MarbleFailure, MarbleFailureKind};
use crate::state::Refusal;

const FORMAT: &str = "strongroom.provision.v1";

#[derive(Serialize)]
struct Provision<'a> {
    format: &'static str,
    marble_type: &'a str,
    models: Vec<Model<'a>>,
    identity: Paths,
    keys_dir: &'static str,
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a str,
    store: &'a str,
    bundles: &'a [Digest32],
    key_id: KeyId,
    clients: ModelClients,
}

#[derive(Serialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
enum ModelClients {
    Anyone,
    Ca { pem: String },
    List { pem: Vec<String> },
}

/// Where the launcher puts the identity, relative to the provision file.
#[derive(Serialize)]
struct Paths {
    private_key: &'static str,
    certificate_chain: &'static str,
    marble_root: &'static str,
    coordinator_root: &'static str,
}

const IDENTITY: Paths = Paths {
    private_key: "identity/key.pem",
    certificate_chain: "identity/chain.pem",
    marble_root: "identity/marble_root.pem",
    coordinator_root: "identity/coordinator_root.pem",
};

/// Adds provision file and model keys, if the marble has models.
///
/// # Errors
/// [`MarbleFailure`] while a key is not set.
pub(super) fn add(
    files: &mut BTreeMap<String, Vec<u8>>,
    manifest: &Manifest,
    marble_type: &MarbleType,
    secrets: &BTreeMap<&str, &SecretValue>,
) -> Result<(), MarbleFailure> {
    let Some(marble) = manifest
        .marbles()
        .get(marble_type)
        .filter(|marble| !marble.models.is_empty())
    else {
        return Ok(());
    };
    let folder = &marble.provision_dir;
    let mut models = Vec::new();
    for (name, model) in marble
        .models
        .iter()
        .filter_map(|name| Some((name, manifest.models().get(name)?)))
    {
        let key = match secrets.get(model.key.as_str()) {
            Some(SecretValue::Symmetric(key) | SecretValue::Plain(key)) => key,
            Some(_) => return Err(no_model_key(&model.key)),
            None => return Err(Refusal::SecretUnset(model.key.clone()).into()),
        };
        let key = ModelKey::from_slice(key.expose()).map_err(|_| no_model_key(&model.key))?;
        files.insert(format!("{folder}/keys/{}", key.id()), key.expose().to_vec());
        models.push(Model {
            name: name.as_str(),
            store: &model.store,
            bundles: &model.bundles,
            key_id: key.id(),
            clients: clients(&model.clients),
        });
    }
    let provision = Provision {
        format: FORMAT,
        marble_type: marble_type.as_str(),
        models,
        identity: IDENTITY,
        keys_dir: "keys",
    };
    let json = serde_json::to_vec_pretty(&provision).expect("texts serialise");
    files.insert(format!("{folder}/provision.json"), json);
    Ok(())
}

fn clients(clients: &Clients) -> ModelClients {
    let pems = |list: &[strongroom_crypto::x509::Certificate]| {
        list.iter().map(|one| one.to_pem()).collect::<Vec<_>>()
    };
    match clients {
        Clients::Anyone => ModelClients::Anyone,
        Clients::Ca(authorities) => ModelClients::Ca {
            pem: pems(authorities).concat(),
        },
        Clients::List(list) => ModelClients::List { pem: pems(list) },
        // A rule of a later version that this one cannot say: nobody.
        _ => ModelClients::List { pem: Vec::new() },
    }
}

fn no_model_key(name: &strongroom_manifest::SecretName) -> MarbleFailure {
    let message = format!("customizing marble parameters: secret {name} is no model key of 32 bytes");
    MarbleFailure::new("secret.invalid", MarbleFailureKind::Internal, message)
}
