//! What has happened. An event's public record goes to the log as it is; the event itself is sealed beside it.
//!
//! Events that bring secret values or keys ([`Event::needs_snapshot`]) have no sealed part: they are committed together
//! with a snapshot, the only place where the values lie, so that overwriting or deleting a value leaves nothing of it in
//! the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strongroom_api::coordinator::bytes::Base64;
use strongroom_api::coordinator::log::{Actor, Record};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_manifest::{SecretKind, SecretName, SecretValue};

use super::deployment::{Deployment, InForce};

/// An event with its who and when.
#[derive(Debug)]
pub struct Fact {
    /// Who caused it.
    pub actor: Actor,
    /// Milliseconds since 1970 by our clock.
    pub time_ms: u64,
    /// What.
    pub event: Event,
}

/// What has happened.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A deployment began.
    #[serde(skip)]
    Founded(Box<Deployment>),
    /// The state was opened by a recovery secret; a new epoch begins, guarded secrets are gone.
    #[serde(skip)]
    Recovered(Box<Deployment>),
    /// The first manifest came into force.
    #[serde(skip)]
    ManifestSet {
        /// The manifest.
        manifest: Arc<InForce>,
        /// Values that were generated for it.
        generated: BTreeMap<SecretName, Arc<SecretValue>>,
    },
    /// A user set a secret.
    #[serde(skip)]
    SecretSet {
        /// Which.
        name: SecretName,
        /// To what.
        value: Arc<SecretValue>,
        /// It lies under the guard key.
        guarded: bool,
        /// The manifest under which it was written.
        manifest: Digest32,
        /// MarbleRun's word for its type.
        kind: String,
    },
    /// The process started.
    Started {
        /// Version of the program.
        version: String,
    },
    /// A user read a secret.
    SecretRead {
        /// Which.
        secret: String,
    },
    /// A marble was activated.
    Activated(Issued),
    /// A marble got new certificates.
    Renewed(Issued),
    /// A user brought what a vendor signs about platforms.
    EndorsementAdded {
        /// The endorsement, as a file.
        endorsement: Base64,
        /// SHA-256 of those that went because of it.
        replaced: BTreeSet<Digest32>,
        /// What it is.
        kind: String,
        /// SHA-256 of the file.
        digest: Digest32,
    },
    /// An authenticated actor was refused.
    Refused {
        /// What was asked for.
        action: String,
        /// Code of the refusal.
        code: String,
    },
    /// So many unauthenticated peers were refused.
    RefusalsCounted {
        /// Milliseconds since 1970, when counting began.
        since_ms: u64,
        /// By code.
        counts: BTreeMap<String, u64>,
    },
    /// The platform's counter is stepped to this value, and the log's head signed.
    Checkpoint {
        /// The value.
        counter: u64,
    },
    /// The clock went further ahead than anybody confirmed.
    ClockAhead {
        /// How far ahead of the newest believed time.
        seconds: u64,
    },
}

/// What was given to a marble, and on what grounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issued {
    /// The marble's type.
    pub marble_type: String,
    /// Its UUID.
    pub uuid: String,
    /// The package that its evidence met.
    pub package: String,
    /// The platform.
    pub platform: String,
    /// Measurement of the program that attested.
    pub measurement: String,
    /// Digest of the workload description.
    pub workload: Option<String>,
    /// Digest of the manifest that allowed it.
    pub manifest: String,
    /// SHA-256 of the certificate.
    pub certificate: String,
    /// The certificate's last second.
    pub not_after: u64,
    /// When the platform made the evidence, by its own signed word.
    pub evidence_at: u64,
}

impl Event {
    /// Whether it is committed together with a snapshot.
    pub const fn needs_snapshot(&self) -> bool {
        matches!(
            self,
            Self::Founded(_) | Self::Recovered(_) | Self::ManifestSet { .. } | Self::SecretSet { .. }
        )
    }

    /// Whether a checkpoint follows it at once: rolling it back must never go unnoticed.
    pub const fn wants_checkpoint(&self) -> bool {
        self.needs_snapshot() || matches!(self, Self::Started { .. })
    }

    /// Whether MarbleRun's update log shows it.
    pub const fn is_update(&self) -> bool {
        matches!(self, Self::ManifestSet { .. } | Self::SecretSet { .. })
    }

    /// Its name in the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Founded(_) => "founded",
            Self::Recovered(_) => "recovered",
            Self::ManifestSet { .. } => "manifest_set",
            Self::SecretSet { .. } => "secret_set",
            Self::Started { .. } => "started",
            Self::SecretRead { .. } => "secret_read",
            Self::Activated(_) => "activated",
            Self::Renewed(_) => "renewed",
            Self::EndorsementAdded { .. } => "endorsement_added",
            Self::Refused { .. } => "refused",
            Self::RefusalsCounted { .. } => "refusals_counted",
            Self::Checkpoint { .. } => "checkpoint",
            Self::ClockAhead { .. } => "clock_ahead",
        }
    }

    fn details(&self) -> BTreeMap<String, String> {
        let pairs: Vec<(&str, String)> = match self {
            Self::Founded(deployment) | Self::Recovered(deployment) => vec![
                ("platform", deployment.sealed_by.platform.clone()),
                ("simulated", deployment.sealed_by.simulated.to_string()),
                ("measurement", deployment.measurement.clone()),
                ("root", sha256(deployment.authority.root().der()).to_string()),
            ],
            Self::ManifestSet { manifest, .. } => vec![("manifest", manifest.digest().to_string())],
            Self::SecretSet {
                name,
                kind,
                guarded,
                manifest,
                ..
            } => vec![
                ("secret", name.to_string()),
                ("type", kind.clone()),
                ("guarded", guarded.to_string()),
                ("manifest", manifest.to_string()),
            ],
            Self::Started { version } => vec![("version", version.clone())],
            Self::SecretRead { secret } => vec![("secret", secret.clone())],
            Self::Activated(issued) | Self::Renewed(issued) => issued.details(),
            Self::EndorsementAdded {
                replaced,
                kind,
                digest,
                ..
            } => vec![
                ("kind", kind.clone()),
                ("digest", digest.to_string()),
                ("replaced", replaced.len().to_string()),
            ],
            Self::Refused { action, code } => vec![("action", action.clone()), ("code", code.clone())],
            Self::RefusalsCounted { since_ms, counts } => {
                let mut details: BTreeMap<String, String> = counts
                    .iter()
                    .map(|(code, count)| (code.clone(), count.to_string()))
                    .collect();
                details.insert("since_ms".to_owned(), since_ms.to_string());
                return details;
            }
            Self::Checkpoint { counter } => vec![("counter", counter.to_string())],
            Self::ClockAhead { seconds } => vec![("seconds", seconds.to_string())],
        };
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

impl Issued {
    fn details(&self) -> Vec<(&'static str, String)> {
        let mut details = vec![
            ("marble_type", self.marble_type.clone()),
            ("uuid", self.uuid.clone()),
            ("package", self.package.clone()),
            ("platform", self.platform.clone()),
            ("measurement", self.measurement.clone()),
            ("manifest", self.manifest.clone()),
            ("certificate", self.certificate.clone()),
        ];
        details.extend(self.workload.clone().map(|workload| ("workload", workload)));
        details
    }
}

impl Fact {
    /// What anybody who may read the log reads.
    pub fn record(&self, epoch: u64, sequence: u64) -> Record {
        Record {
            epoch,
            sequence,
            time_ms: self.time_ms,
            actor: self.actor.clone(),
            event: self.event.name().to_owned(),
            details: self.event.details(),
        }
    }
}

/// MarbleRun's word for a kind of secret.
pub const fn kind_name(kind: &SecretKind) -> &'static str {
    use strongroom_manifest::CertificateKey::{Ed25519, P256, P384, P521, Rsa};
    match kind {
        SecretKind::Symmetric { .. } => "symmetric-key",
        SecretKind::Certificate { key: Rsa(_), .. } => "cert-rsa",
        SecretKind::Certificate { key: Ed25519, .. } => "cert-ed25519",
        SecretKind::Certificate {
            key: P256 | P384 | P521,
            ..
        } => "cert-ecdsa",
        // An uploaded certificate's key is the user's choice; the manifest keeps no word for it.
        SecretKind::Certificate { .. } => "cert-ecdsa",
        _ => "plain",
    }
}
