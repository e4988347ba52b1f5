//! MarbleRun's `MARBLE_TTLS_CONFIG`: connections that a runtime wraps in TLS for programs that speak none.

use std::collections::BTreeMap;

use serde::Serialize;
use strongroom_manifest::{Manifest, MarbleType, SecretName, SecretValue};

use super::render::Made;
use super::session::MarbleFailure;
use crate::pki::Authority;
use crate::state::Refusal;

#[derive(Serialize)]
struct Config {
    tls: Connections,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Connections {
    incoming: BTreeMap<String, Incoming>,
    outgoing: BTreeMap<String, Outgoing>,
}

#[derive(Serialize)]
struct Incoming {
    cacrt: String,
    clicrt: String,
    clikey: String,
    #[serde(rename = "clientAuth")]
    client_auth: bool,
}

#[derive(Serialize)]
struct Outgoing {
    cacrt: String,
    clicrt: String,
    clikey: String,
}

/// The configuration of a marble with TLS tags.
///
/// # Errors
/// [`MarbleFailure`] where a certificate secret has no key.
pub(super) fn config(
    authority: &Authority,
    manifest: &Manifest,
    marble: &MarbleType,
    made: &Made<'_>,
    secrets: &BTreeMap<&str, &SecretValue>,
) -> Result<Option<Vec<u8>>, MarbleFailure> {
    let tags = manifest
        .marbles()
        .get(marble)
        .map_or(&[][..], |marble| &marble.tls);
    let Some((certificate, key)) = made.own.filter(|_| !tags.is_empty()) else {
        return Ok(None);
    };
    let root = authority.marble_root().to_pem();
    let own = (certificate.to_pem(), key.to_pkcs8_pem().to_string());
    let mut connections = Connections {
        incoming: BTreeMap::new(),
        outgoing: BTreeMap::new(),
    };
    for tls in tags.iter().filter_map(|tag| manifest.tls().get(tag)) {
        for one in &tls.outgoing {
            let (clicrt, clikey) = own.clone();
            let place = format!("{}:{}", one.addr, one.port);
            connections.outgoing.insert(
                place,
                Outgoing {
                    cacrt: root.clone(),
                    clicrt,
                    clikey,
                },
            );
        }
        for one in &tls.incoming {
            let (clicrt, clikey) = match &one.cert {
                Some(name) => certificate_secret(name, secrets)?,
                None => own.clone(),
            };
            let client_auth = !one.disable_client_auth;
            let incoming = Incoming {
                cacrt: root.clone(),
                clicrt,
                clikey,
                client_auth,
            };
            connections.incoming.insert(format!("*:{}", one.port), incoming);
        }
    }
    let json = serde_json::to_vec(&Config { tls: connections }).expect("texts serialise");
    Ok(Some(json))
}

fn certificate_secret(
    name: &SecretName,
    secrets: &BTreeMap<&str, &SecretValue>,
) -> Result<(String, String), MarbleFailure> {
    match secrets.get(name.as_str()) {
        Some(SecretValue::Certificate {
            certificate,
            private_key: Some(key),
        }) => {
            let key = strongroom_crypto::x509::private_key_pem(key.expose());
            Ok((certificate.to_pem(), key.to_string()))
        }
        Some(_) => Err(MarbleFailure::internal(format!(
            "creating TTLS config: secret {name} has no private key"
        ))),
        None => Err(Refusal::SecretUnset(name.clone()).into()),
    }
}
