//! A coordinator that was verified: the only one that is sent a secret.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use strongroom_api::coordinator::bytes::{Base64, Base64Secret, Hex32};
use strongroom_api::coordinator::phase;
use strongroom_api::coordinator::v2::{Manifest as ManifestAnswer, UserSecret};
use strongroom_api::coordinator::v3::{PutSecrets, PutSecretsAnswer, Status};
use strongroom_attest::reference::Appraised;
use strongroom_attest::{ClientPolicy, Protection};
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::secret::SecretBytes;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
use strongroom_manifest::Manifest;
use strongroom_manifest::names::SecretName;
use strongroom_manifest::secret::SecretKind;

use super::attested::{Attested, secret_json};
use super::{Caller, Pin, pinned};
use crate::error::Error;
use crate::report::DeploymentReport;
use crate::rest::{Body, Rest};
use crate::trust::{self, Change, Server, TRUST_FORMAT, Trust};

/// A coordinator whose evidence, manifest and log were verified. [`super::Coordinator::verify`] is the only way to one.
pub struct TrustedCoordinator {
    rest: Rest,
    appraised: Appraised,
    manifest: Manifest,
    status: Status,
    trust: Trust,
    changes: Vec<Change>,
}

pub(super) async fn verify(
    attested: Attested,
    policy: &ClientPolicy,
    pin: Pin<'_>,
    caller: &Caller<'_>,
) -> Result<TrustedCoordinator, Error> {
    attested.require_phase(phase::RUNNING)?;
    let known = attested
        .enrolled
        .as_ref()
        .map(|key| policy.clone().with_enrolled(key));
    let appraised = known.as_ref().unwrap_or(policy).verify(
        &attested.evidence,
        caller.endorsements,
        &attested.binding,
        caller.now,
    )?;
    let Attested {
        rest,
        address,
        binding,
        root,
        ..
    } = attested;
    let digest = binding
        .manifest_digest
        .ok_or_else(|| rest.unclear("it runs without a manifest"))?;

    let manifest = fetch_manifest(&rest, digest).await?;
    check_roles(&manifest, policy)?;
    let status: Status = rest.call(Method::GET, "/api/v3/status", Body::Empty).await?;
    let marble_root = check_status(&rest, &status, digest, &root)?;
    let simulated = appraised.claims().protection() == Protection::Simulated;
    let trust = Trust::new(trust::Fields {
        format: TRUST_FORMAT.to_owned(),
        coordinator: address,
        root: root.to_pem(),
        manifest_digest: digest,
        log_head: LogHead {
            epoch: binding.log_head.epoch,
            size: binding.log_head.size,
            hash: binding.log_head.hash,
        },
        marble_root: marble_root.to_pem(),
        policy_digest: sha256(policy.to_json().as_bytes()),
        simulated,
        verified_at: caller.now,
        models: servers(&manifest),
    })?;
    let changes = compare(&rest, pin, &trust).await?;
    Ok(TrustedCoordinator {
        rest,
        appraised,
        manifest,
        status,
        trust,
        changes,
    })
}

/// Fetches the manifest over the same connection, and holds it against the digest that the evidence covers.
async fn fetch_manifest(rest: &Rest, expected: Digest32) -> Result<Manifest, Error> {
    let answer: Option<ManifestAnswer> = rest.call_v2(Method::GET, "/api/v2/manifest", Body::Empty).await?;
    let raw = answer
        .ok_or_else(|| rest.unclear("it shows no manifest"))?
        .manifest
        .0;
    let found = sha256(&raw);
    if found != expected {
        return Err(Error::ManifestSubstituted { expected, found });
    }
    Manifest::parse(&raw).map_err(Error::Manifest)
}

/// Holds the status against what the evidence covers; gives the root of the marbles' certificates.
fn check_status(
    rest: &Rest,
    status: &Status,
    manifest: Digest32,
    root: &Certificate,
) -> Result<Certificate, Error> {
    let found = status.manifest_digest.map(|digest| Digest32(digest.0));
    if found != Some(manifest) {
        // It was replaced between evidence and status: what was verified is no longer what is in force.
        let found = found.ok_or_else(|| rest.unclear("its status names no manifest"))?;
        return Err(Error::Changed(vec![Change::Manifest {
            pinned: manifest,
            found,
        }]));
    }
    let read = |pem: &str| Certificate::parse_pem(pem).map_err(|error| rest.unclear(error));
    if read(&status.root)?.der() != root.der() {
        return Err(rest.unclear("its status names another root than its evidence"));
    }
    read(&status.marble_root)
}

/// A policy may say which roles each user holds at most.
fn check_roles(manifest: &Manifest, policy: &ClientPolicy) -> Result<(), Error> {
    let Some(allowed) = policy.roles() else {
        return Ok(());
    };
    let none = BTreeSet::new();
    for (user, held) in manifest.users() {
        let allowed = allowed.get(user.as_str()).unwrap_or(&none);
        if let Some(role) = held.roles.iter().find(|role| !allowed.contains(role.as_str())) {
            return Err(Error::RoleUnlisted {
                user: user.to_string(),
                role: role.to_string(),
            });
        }
    }
    Ok(())
}

/// Holds the deployment against an earlier verification.
async fn compare(rest: &Rest, pin: Pin<'_>, found: &Trust) -> Result<Vec<Change>, Error> {
    let (pinned, accept) = match pin {
        Pin::First => return Ok(Vec::new()),
        Pin::Hold(pinned) => (pinned, false),
        Pin::AcceptChanges(pinned) => (pinned, true),
    };
    let changes = pinned.changes(found);
    let same_coordinator = pinned.root().der() == found.root().der();
    if !(changes.is_empty() || accept || same_coordinator) {
        return Err(Error::Changed(changes));
    }
    // The log comes before other changes: where it does not continue, nothing else is worth discussing.
    if same_coordinator {
        pinned::follow(rest, pinned.log_head(), found.log_head()).await?;
    }
    if changes.is_empty() || accept {
        Ok(changes)
    } else {
        Err(Error::Changed(changes))
    }
}

/// Which marbles serve which model.
fn servers(manifest: &Manifest) -> BTreeMap<String, Vec<Server>> {
    let serves = |model: &str| -> Vec<Server> {
        let marbles = manifest.marbles().iter();
        marbles
            .filter(|(_, marble)| marble.models.iter().any(|served| served.as_str() == model))
            .map(|(name, marble)| Server {
                marble: name.to_string(),
                dns_names: marble.dns_names.iter().map(ToString::to_string).collect(),
            })
            .collect()
    };
    manifest
        .models()
        .keys()
        .map(|name| (name.to_string(), serves(name.as_str())))
        .collect()
}

impl TrustedCoordinator {
    /// What the evidence proves, with every check.
    pub fn appraised(&self) -> &Appraised {
        &self.appraised
    }

    /// The manifest in force.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What the coordinator says of itself.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// What later commands hold the deployment against.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What changed since the earlier verification, where that was accepted.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// When it was verified, by the caller's clock.
    #[must_use]
    pub fn verified_at(&self) -> UnixTime {
        self.trust.verified_at()
    }

    /// Who runs what, and who may do what.
    #[must_use]
    pub fn report(&self) -> DeploymentReport {
        DeploymentReport::new(self)
    }

    /// Sets secrets, all or none, under the manifest that was verified; another one in force is refused. A
    /// `symmetric-key` or `plain` secret is given as it is, a certificate as PEM: certificate and PKCS#8 key.
    ///
    /// # Errors
    /// [`Error::Input`] where a value does not fit the manifest; [`Error::Refused`] with `secret.manifest_changed`,
    /// `user.forbidden` and others; what connections can fail with.
    pub async fn set_secrets(&mut self, secrets: Vec<(String, SecretBytes)>) -> Result<LogHead, Error> {
        if self.rest.connection().session().own_certificate().is_none() {
            return Err(Error::input(
                "user",
                "secrets are set by a user of the manifest: certificate and key are needed",
            ));
        }
        let bytes = secrets.iter().map(|(_, secret)| secret.len()).sum();
        let mut named = BTreeMap::new();
        for (name, secret) in &secrets {
            if named.insert(name.clone(), self.fitting(name, secret)?).is_some() {
                return Err(Error::input(format!("secret `{name}`"), "given twice"));
            }
        }
        let request = PutSecrets {
            manifest_digest: Hex32(self.trust.manifest_digest().0),
            secrets: named,
        };
        let body = secret_json(&request, bytes)?;
        let answer: PutSecretsAnswer = self
            .rest
            .call(Method::PUT, "/api/v3/secrets", Body::Secret(body))
            .await?;
        let head = crate::log::head(&answer.log_head);
        if head.size < self.trust.log_head().size {
            return Err(self.rest.unclear("its log became shorter"));
        }
        self.trust = self.trust.clone().advanced_to(head);
        Ok(head)
    }

    /// The value in the form that the manifest declares.
    fn fitting(&self, name: &str, secret: &SecretBytes) -> Result<UserSecret, Error> {
        let what = || format!("secret `{name}`");
        let declared = self
            .manifest
            .secrets()
            .get(&SecretName::from(name))
            .ok_or_else(|| {
                let known: Vec<_> = self.manifest.secrets().keys().map(SecretName::as_str).collect();
                Error::input(
                    what(),
                    format!("the manifest declares no such secret, but {}", known.join(", ")),
                )
            })?;
        if !declared.user_defined {
            return Err(Error::input(
                what(),
                "the coordinator makes this one itself (`UserDefined` is not set)",
            ));
        }
        let key = || Some(Base64Secret::from(secret.expose().to_vec()));
        match &declared.kind {
            SecretKind::Symmetric { bits } if secret.len() as u64 * 8 != u64::from(*bits) => {
                let (needed, found) = (bits / 8, secret.len());
                Err(Error::input(
                    what(),
                    format!("the manifest declares {needed} bytes, the file has {found}"),
                ))
            }
            SecretKind::Symmetric { .. } => Ok(UserSecret {
                key: key(),
                ..UserSecret::default()
            }),
            SecretKind::Plain if secret.is_empty() => Err(Error::input(what(), "it is empty")),
            SecretKind::Plain => Ok(UserSecret {
                key: key(),
                ..UserSecret::default()
            }),
            _ => certificate(secret).map_err(|why| Error::input(what(), why)),
        }
    }
}

fn certificate(pem: &SecretBytes) -> Result<UserSecret, &'static str> {
    let text = std::str::from_utf8(pem.expose()).map_err(|_| "no PEM text")?;
    let certificate = Certificate::parse_pem(text).map_err(|_| "no PEM certificate in it")?;
    let start = text
        .find("-----BEGIN PRIVATE KEY-----")
        .ok_or("no PKCS#8 private key in it")?;
    let key =
        SigningKey::from_pkcs8_pem(&text[start..]).map_err(|_| "its private key is of an unknown kind")?;
    Ok(UserSecret {
        cert: Some(Base64(certificate.der().to_vec())),
        private: Some(Base64Secret::from(key.to_pkcs8_der().to_vec())),
        key: None,
    })
}

impl std::fmt::Debug for TrustedCoordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "TrustedCoordinator({}, manifest {})",
            self.trust.coordinator(),
            self.trust.manifest_digest()
        )
    }
}
