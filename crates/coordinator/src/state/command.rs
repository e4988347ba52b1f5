//! What may be asked of the writer. Everything slow has been done before: evidence verified, keys made, certificates
//! signed.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_api::coordinator::log::Actor;
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::secret::RecoverySecret;
use strongroom_crypto::time::UnixTime;
use strongroom_manifest::{ActivationGrant, Manifest, RenewalGrant, SecretName, SecretValue};

use super::deployment::InForce;
use crate::endorsement::Endorsement;

/// One command and who gave it.
#[derive(Debug)]
pub struct Request {
    /// Who asks, as the log will say it.
    pub actor: Actor,
    /// What for.
    pub command: Command,
}

/// What is asked for.
#[derive(Debug)]
pub enum Command {
    /// The process has started.
    Start {
        /// Version of the program.
        version: String,
    },
    /// Put the first manifest in force.
    SetManifest(Box<SetManifest>),
    /// Set values of user-defined secrets.
    WriteSecrets(WriteSecrets),
    /// Hand out values of secrets.
    ReadSecrets {
        /// Revision under which it was permitted.
        revision: u64,
        /// Which.
        names: Vec<SecretName>,
    },
    /// Activate a marble.
    Activate(Box<Activate>),
    /// Give an activated marble new certificates.
    Renew(Box<Renew>),
    /// Keep what a vendor signs about platforms.
    AddEndorsement(Box<AddEndorsement>),
    /// Record that an authenticated actor was refused.
    Refused {
        /// What was asked for.
        action: &'static str,
        /// Code of the refusal.
        code: String,
    },
    /// Record how many unauthenticated peers were refused.
    CountRefusals {
        /// Milliseconds since 1970, when counting began.
        since_ms: u64,
        /// By code, from a closed set.
        counts: BTreeMap<&'static str, u64>,
    },
    /// Open the state with a recovery secret. Handled by the writer itself: there is no state to decide on yet.
    Recover(Recover),
}

/// The first manifest with what was made for it.
#[derive(Debug)]
pub struct SetManifest {
    /// The manifest and its signature.
    pub manifest: Arc<InForce>,
    /// Values of shared secrets that are generated.
    pub generated: BTreeMap<SecretName, Arc<SecretValue>>,
    /// What brings the state key back, where the manifest names recovery keys.
    pub recovery: Option<RecoverySecret>,
}

/// Values that a user uploads.
#[derive(Debug)]
pub struct WriteSecrets {
    /// Revision under which it was permitted.
    pub revision: u64,
    /// The manifest that the writer verified, where the writer says so.
    pub manifest: Option<Digest32>,
    /// By name.
    pub values: BTreeMap<SecretName, Arc<SecretValue>>,
}

/// An activation that evidence and manifest allow.
#[derive(Debug)]
pub struct Activate {
    /// Leave to do it, once.
    pub grant: ActivationGrant,
    /// The marble's UUID, canonical.
    pub uuid: String,
    /// SHA-256 of the certificate that is issued.
    pub certificate: Digest32,
    /// Its last second.
    pub not_after: UnixTime,
}

/// A renewal that evidence and manifest allow.
#[derive(Debug)]
pub struct Renew {
    /// Leave to do it.
    pub grant: RenewalGrant,
    /// The marble's UUID, canonical.
    pub uuid: String,
    /// SHA-256 of the certificate that is issued.
    pub certificate: Digest32,
    /// Its last second.
    pub not_after: UnixTime,
}

/// An endorsement that a user brings.
#[derive(Debug)]
pub struct AddEndorsement {
    /// Revision under which it was permitted.
    pub revision: u64,
    /// What it is.
    pub endorsement: Endorsement,
}

/// A recovery secret, with the signature that shows who uploads it.
#[derive(Debug)]
pub struct Recover {
    /// The secret.
    pub secret: RecoverySecret,
    /// RSA PKCS#1 v1.5 SHA-256 over the secret, by the matching recovery key.
    pub signature: Vec<u8>,
}

/// A manifest that may be put in force; kept apart so that parsing is done by then.
pub fn in_force(manifest: Manifest, signature: Vec<u8>) -> Arc<InForce> {
    Arc::new(InForce { manifest, signature })
}
