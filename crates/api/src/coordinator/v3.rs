//! Our own interface, `/api/v3`: strict bodies, proper status codes, evidence bound to the connection.

use super::bytes::{Base64, Base64Secret, Hex32};
use super::log::{Checkpoint, Entry, Head};
use super::v2::UserSecret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `POST /api/v3/evidence`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRequest {
    /// The caller's fresh nonce, exactly 32 bytes.
    pub nonce: Base64,
}

/// Answer of `POST /api/v3/evidence`. Everything beside the evidence is what the evidence is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceAnswer {
    /// The coordinator's evidence (`attest::Evidence`).
    pub evidence: Base64,
    /// DER of the root certificate, which this connection's server certificate is.
    pub root_certificate: Base64,
    /// One of [`super::phase`].
    pub phase: String,
    /// SHA-256 of the manifest in force.
    pub manifest_digest: Option<Hex32>,
    /// Where the log stands.
    pub log_head: Head,
}

/// `GET /api/v3/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// One of [`super::phase`].
    pub phase: String,
    /// The coordinator runs on a platform that protects nothing.
    pub simulated: bool,
    /// Name of the platform.
    pub platform: String,
    /// SHA-256 of the manifest in force.
    pub manifest_digest: Option<Hex32>,
    /// Rises with each change of what may run or know what; 0 before the first manifest.
    pub revision: u64,
    /// PEM of the current marble root: what a client of a marble trusts.
    pub marble_root: String,
    /// PEM of the coordinator's root.
    pub root: String,
    /// Secrets of the manifest.
    pub secrets: BTreeMap<String, SecretStatus>,
    /// Where the log stands.
    pub log_head: Head,
    /// Why nothing is released though the phase would allow it (`time.behind`), else nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

/// What anybody may know of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretStatus {
    /// It has a value.
    pub set: bool,
    /// Not covered by recovery, bound to the manifest under which it was written.
    pub guarded: bool,
}

/// `PUT /api/v3/secrets`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutSecrets {
    /// The manifest that the writer verified. Another one in force is answered 412.
    pub manifest_digest: Hex32,
    /// By name.
    pub secrets: BTreeMap<String, UserSecret>,
}

/// Answer of `PUT /api/v3/secrets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutSecretsAnswer {
    /// The log, with the write in it.
    pub log_head: Head,
}

/// `POST /api/v3/enrolment/begin`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginEnrolment {}

/// Answer of `POST /api/v3/enrolment/begin`: the keys of the coordinator's TPM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentKeys {
    /// `TPMT_PUBLIC` of the endorsement key.
    pub ek_public: Base64,
    /// DER: the endorsement key's own certificate, then those that lead to a root.
    pub ek_certificates: Vec<Base64>,
    /// `TPMT_PUBLIC` of the attestation key.
    pub ak_public: Base64,
}

/// `POST /api/v3/enrolment/finish`: a credential for these keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishEnrolment {
    /// `TPM2B_ID_OBJECT`, its size included.
    pub credential_blob: Base64,
    /// `TPM2B_ENCRYPTED_SECRET`, its size included.
    pub encrypted_secret: Base64,
}

/// Answer of `POST /api/v3/enrolment/finish`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishedEnrolment {
    /// What was in the credential.
    pub secret: Base64Secret,
}

/// `POST /api/v3/endorsements`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddEndorsement {
    /// What a vendor signs about platforms, as a file: DCAP collateral, certificates, a revocation list.
    pub endorsement: Base64,
}

/// Answer of `POST /api/v3/endorsements`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddEndorsementAnswer {
    /// SHA-256 of the file.
    pub digest: Hex32,
    /// The log, with the endorsement in it.
    pub log_head: Head,
}

/// Answer of `GET /api/v3/endorsements`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endorsements {
    /// Those that are kept.
    pub endorsements: Vec<Endorsement>,
    /// The newest evaluation of TCB information that was seen for each platform family (FMSPC); older is not used.
    pub evaluation_floors: BTreeMap<String, u32>,
}

/// One endorsement, by its own word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endorsement {
    /// SHA-256 of the file.
    pub digest: Hex32,
    /// `collateral`, `certificates` or `revocation_list`.
    pub kind: String,
    /// Size of the file.
    pub bytes: u64,
    /// What it speaks of, where that is known.
    pub subject: Option<String>,
    /// Seconds since 1970.
    pub valid_from: u64,
    /// Seconds since 1970, where it ends.
    pub valid_until: Option<u64>,
}

/// `GET /api/v3/log?from=N&max=M`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The deployment's id, 16 bytes in hex: the chain begins with it.
    pub deployment: String,
    /// Entries from `from` on, at most `max` and never more than the server's own limit.
    pub entries: Vec<Entry>,
    /// The newest checkpoint; it may be older than `head`.
    pub checkpoint: Option<Checkpoint>,
    /// Where the log stood when this answer was made.
    pub head: Head,
}
