//! The state as it is sealed into a snapshot. Guarded values lie under the guard key inside it, so that whoever opens the
//! snapshot with the state key alone (a recovery) does not get them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strongroom_api::coordinator::bytes::{Base64, Base64Secret, Hex32};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::encode::Encoder;
use strongroom_crypto::label;
use strongroom_crypto::random::Random;
use strongroom_crypto::secret::{GuardKey, RootSecret, SecretBytes};
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
use strongroom_manifest::{Manifest, SecretName, SecretValue};
use zeroize::Zeroizing;

use super::deployment::{Deployment, Held, InForce, LeafHeld, Leaves};
use super::endorsed::Endorsed;
use super::phase::Phase;
use crate::endorsement::Endorsement;
use crate::pki::Authority;
use crate::store::barrier::{DeploymentId, open_with, seal_with};
use crate::store::keyfile::SealedBy;

const FORMAT: &str = "strongroom.state.v1";

/// What a snapshot holds cannot be the state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state cannot be read: {0}")]
pub struct Unreadable(&'static str);

/// Which values of guarded secrets can be had.
#[derive(Clone, Copy, Debug)]
pub enum Guard<'a> {
    /// All of them: the platform opened the guard key.
    Key(&'a GuardKey),
    /// None: the state was recovered, and they are gone.
    Lost,
}

/// Encodes an open state.
pub fn encode(phase: &Phase, guard: &GuardKey, random: &dyn Random) -> Option<Zeroizing<Vec<u8>>> {
    let deployment = phase.deployment()?;
    let no_leaves = Leaves::default();
    let leaves = match phase {
        Phase::Running(running) => &running.leaves,
        _ => &no_leaves,
    };
    let stored = Stored {
        format: FORMAT.to_owned(),
        deployment: Base64(deployment.id.to_vec()),
        sealed_by: deployment.sealed_by.clone(),
        measurement: deployment.measurement.clone(),
        epoch: deployment.epoch,
        revision: deployment.revision,
        authority: StoredAuthority::of(&deployment.authority),
        root_secret: secret(deployment.root_secret.expose()),
        manifest: phase.manifest().map(|manifest| StoredManifest {
            raw: Base64(manifest.manifest.raw().to_vec()),
            signature: Base64(manifest.signature.clone()),
        }),
        secrets: deployment
            .secrets
            .iter()
            .map(|(name, held)| {
                (
                    name.to_string(),
                    StoredSecret::of(&deployment.id, name, held, guard, random),
                )
            })
            .collect(),
        activations: deployment
            .activations
            .iter()
            .map(|(name, count)| (name.to_string(), *count))
            .collect(),
        leaves: leaves.0.clone(),
        counter: deployment.counter,
        newest_time: deployment.newest_time.0,
        updates: deployment.updates.to_vec(),
        endorsements: deployment
            .endorsed
            .files()
            .values()
            .map(|file| Base64(file.bytes().to_vec()))
            .collect(),
        evaluation_floors: deployment.endorsed.floors().clone(),
    };
    Some(to_json(&stored))
}

/// Decodes a state.
///
/// # Errors
/// [`Unreadable`]; the bytes come through the barrier, so this is another version or a fault of ours.
pub fn decode(bytes: &[u8], guard: Guard<'_>) -> Result<Phase, Unreadable> {
    let stored: Stored = serde_json::from_slice(bytes).map_err(|_| Unreadable("another version wrote it"))?;
    if stored.format != FORMAT {
        return Err(Unreadable("another version wrote it"));
    }
    let id: DeploymentId = stored
        .deployment
        .0
        .as_slice()
        .try_into()
        .map_err(|_| Unreadable("deployment id"))?;
    let manifest = stored.manifest.map(StoredManifest::read).transpose()?;
    let mut secrets = BTreeMap::new();
    for (name, value) in stored.secrets {
        let name = SecretName::from(name);
        if let Some(held) = value.read(&id, &name, guard)? {
            secrets.insert(name, Arc::new(held));
        }
    }
    let endorsements = stored.endorsements.into_iter();
    let endorsements: Vec<_> = endorsements
        .map(|file| Endorsement::read(file.0).map_err(|_| Unreadable("an endorsement")))
        .collect::<Result<_, _>>()?;
    let root_secret = RootSecret::from_slice(&stored.root_secret.0).map_err(|_| Unreadable("root secret"))?;
    let deployment = Deployment {
        id,
        sealed_by: stored.sealed_by,
        measurement: stored.measurement,
        epoch: stored.epoch,
        revision: stored.revision,
        authority: Arc::new(stored.authority.read()?),
        root_secret: Arc::new(root_secret),
        secrets: Arc::new(secrets),
        activations: stored
            .activations
            .into_iter()
            .map(|(name, count)| (name.into(), count))
            .collect(),
        counter: stored.counter,
        newest_time: UnixTime(stored.newest_time),
        endorsed: Endorsed::new(endorsements, stored.evaluation_floors),
        updates: Arc::new(stored.updates),
    };
    Ok(Phase::begin(deployment, manifest, Leaves(stored.leaves)))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    deployment: Base64,
    sealed_by: SealedBy,
    measurement: String,
    epoch: u64,
    revision: u64,
    authority: StoredAuthority,
    root_secret: Base64Secret,
    manifest: Option<StoredManifest>,
    secrets: BTreeMap<String, StoredSecret>,
    activations: BTreeMap<String, u64>,
    leaves: BTreeMap<String, LeafHeld>,
    counter: u64,
    newest_time: u64,
    updates: Vec<u64>,
    #[serde(default)]
    endorsements: Vec<Base64>,
    #[serde(default)]
    evaluation_floors: BTreeMap<String, u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredAuthority {
    root_key: Base64Secret,
    root: Base64,
    intermediate_key: Base64Secret,
    intermediate: Base64,
    marble_root: Base64,
    log_key: Base64Secret,
    log_certificate: Base64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredManifest {
    raw: Base64,
    signature: Base64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSecret {
    manifest: Hex32,
    value: StoredValue,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum StoredValue {
    Symmetric {
        key: Base64Secret,
    },
    Plain {
        data: Base64Secret,
    },
    Certificate {
        certificate: Base64,
        private_key: Option<Base64Secret>,
    },
    /// Another value, under the guard key.
    Guarded {
        sealed: Base64,
    },
}

impl StoredAuthority {
    fn of(authority: &Authority) -> Self {
        let key = |key: &SigningKey| Base64Secret(key.to_pkcs8_der());
        let certificate = |certificate: &Certificate| Base64(certificate.der().to_vec());
        Self {
            root_key: key(&authority.root_key),
            root: certificate(&authority.root),
            intermediate_key: key(&authority.intermediate_key),
            intermediate: certificate(&authority.intermediate),
            marble_root: certificate(&authority.marble_root),
            log_key: key(&authority.log_key),
            log_certificate: certificate(&authority.log_certificate),
        }
    }

    fn read(self) -> Result<Authority, Unreadable> {
        let key = |key: &Base64Secret| SigningKey::from_pkcs8_der(&key.0).map_err(|_| Unreadable("a key"));
        let certificate = |der: &Base64| Certificate::parse(&der.0).map_err(|_| Unreadable("a certificate"));
        Ok(Authority {
            root_key: key(&self.root_key)?,
            root: certificate(&self.root)?,
            intermediate_key: key(&self.intermediate_key)?,
            intermediate: certificate(&self.intermediate)?,
            marble_root: certificate(&self.marble_root)?,
            log_key: key(&self.log_key)?,
            log_certificate: certificate(&self.log_certificate)?,
        })
    }
}

impl StoredManifest {
    fn read(self) -> Result<Arc<InForce>, Unreadable> {
        let manifest =
            Manifest::parse(&self.raw.0).map_err(|_| Unreadable("the manifest is none of this version's"))?;
        Ok(Arc::new(InForce {
            manifest,
            signature: self.signature.0,
        }))
    }
}

impl StoredSecret {
    fn of(id: &DeploymentId, name: &SecretName, held: &Held, guard: &GuardKey, random: &dyn Random) -> Self {
        let mut value = StoredValue::of(&held.value);
        if held.guarded {
            let aad = guard_aad(id, name, &held.manifest);
            let sealed = seal_with(random, guard.expose(), label::SECRET_VALUE, &aad, to_json(&value));
            value = StoredValue::Guarded {
                sealed: Base64(sealed),
            };
        }
        Self {
            manifest: Hex32(*held.manifest.as_bytes()),
            value,
        }
    }

    fn read(
        self,
        id: &DeploymentId,
        name: &SecretName,
        guard: Guard<'_>,
    ) -> Result<Option<Held>, Unreadable> {
        let manifest = Digest32(self.manifest.0);
        let (value, guarded) = match (self.value, guard) {
            (StoredValue::Guarded { .. }, Guard::Lost) => return Ok(None),
            (StoredValue::Guarded { sealed }, Guard::Key(key)) => {
                let aad = guard_aad(id, name, &manifest);
                let plaintext = open_with(key.expose(), label::SECRET_VALUE, &aad, &sealed.0)
                    .map_err(|_| Unreadable("a guarded secret"))?;
                let value = serde_json::from_slice(&plaintext).map_err(|_| Unreadable("a guarded secret"))?;
                (value, true)
            }
            (value, _) => (value, false),
        };
        Ok(Some(Held {
            value: Arc::new(value.read()?),
            guarded,
            manifest,
        }))
    }
}

impl StoredValue {
    fn of(value: &SecretValue) -> Self {
        match value {
            SecretValue::Symmetric(key) => Self::Symmetric {
                key: secret(key.expose()),
            },
            SecretValue::Certificate {
                certificate,
                private_key,
            } => Self::Certificate {
                certificate: Base64(certificate.der().to_vec()),
                private_key: private_key.as_ref().map(|key| secret(key.expose())),
            },
            SecretValue::Plain(data) => Self::Plain {
                data: secret(data.expose()),
            },
            _ => unreachable!("every kind of value that this version knows is stored"),
        }
    }

    fn read(self) -> Result<SecretValue, Unreadable> {
        let bytes = |bytes: &Base64Secret| SecretBytes::copy_of(&bytes.0);
        Ok(match &self {
            Self::Symmetric { key } => SecretValue::Symmetric(bytes(key)),
            Self::Plain { data } => SecretValue::Plain(bytes(data)),
            Self::Certificate {
                certificate,
                private_key,
            } => SecretValue::Certificate {
                certificate: Certificate::parse(&certificate.0)
                    .map(Box::new)
                    .map_err(|_| Unreadable("a certificate"))?,
                private_key: private_key.as_ref().map(bytes),
            },
            Self::Guarded { .. } => return Err(Unreadable("a guarded secret")),
        })
    }
}

/// JSON in a buffer that never grows: growing would leave pieces of plaintext behind, unwiped.
fn to_json(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).expect("maps with text keys and base64 serialise");
    let mut out = Zeroizing::new(Vec::with_capacity(count.0));
    serde_json::to_writer(&mut *out, value).expect("it has just been serialised");
    out
}

fn secret(bytes: &[u8]) -> Base64Secret {
    Base64Secret(Zeroizing::new(bytes.to_vec()))
}

fn guard_aad(id: &DeploymentId, name: &SecretName, manifest: &Digest32) -> Vec<u8> {
    Encoder::new(label::SECRET_VALUE)
        .bytes(id)
        .bytes(name.as_str().as_bytes())
        .bytes(manifest.as_bytes())
        .finish()
}
