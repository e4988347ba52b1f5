//! MarbleRun's `/api/v2`: field names and their odd casing are part of the wire.

use super::bytes::{Base64, Base64Secret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `GET /status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// State number: 1 recovery, 2 accepting a manifest, 3 accepting marbles.
    pub code: i64,
    /// The sentence for it.
    pub message: String,
}

/// `GET /quote`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// PEM of the intermediate, then the root certificate.
    pub cert: String,
    /// Evidence over SHA-256(root DER ‖ nonce).
    pub quote: Option<Base64>,
}

/// `GET /manifest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// ASN.1 ECDSA signature by the root key over SHA-256 of the manifest.
    #[serde(rename = "manifestSignatureRootECDSA")]
    pub manifest_signature_root_ecdsa: Base64,
    /// Hex SHA-256 of the manifest.
    pub manifest_fingerprint: String,
    /// The manifest's bytes as they were set.
    pub manifest: Base64,
}

/// `POST /manifest`, `POST /update`, `POST /update-manifest`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestRequest {
    /// The manifest's bytes.
    #[serde(default, alias = "Manifest")]
    pub manifest: Base64,
}

/// Answer of `POST /manifest`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverySecrets {
    /// Recovery key name to the recovery secret, encrypted to it (RSA-OAEP, SHA-256).
    #[serde(rename = "RecoverySecrets")]
    pub recovery_secrets: BTreeMap<String, Base64>,
}

/// `GET /update`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateLog {
    /// One JSON object per entry, as text.
    pub update_log: Vec<String>,
}

/// `GET /secrets`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Secrets {
    /// By name.
    pub secrets: BTreeMap<String, Secret>,
}

/// A secret as `GET /secrets` shows it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Secret {
    /// `symmetric-key`, `plain`, `cert-ecdsa`, `cert-ed25519`, `cert-rsa`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// In bits.
    pub size: u64,
    /// The same for every marble.
    pub shared: bool,
    /// Uploaded by a user.
    pub user_defined: bool,
    /// X.509 DER, for the `cert-*` types.
    pub cert: Option<Base64>,
    /// Days.
    pub valid_for: u64,
    /// PKCS#8 for the `cert-*` types, else the value.
    pub private: Option<Base64Secret>,
    /// PKIX for the `cert-*` types, else the value.
    pub public: Option<Base64Secret>,
}

/// `POST /secrets` (v2; v1 sends the map without a wrapper).
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SecretsRequest {
    /// By name.
    #[serde(default, alias = "Secrets")]
    pub secrets: BTreeMap<String, UserSecret>,
}

/// A secret as a user uploads it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserSecret {
    /// X.509 DER, for the `cert-*` types.
    #[serde(default, alias = "cert", skip_serializing_if = "Option::is_none")]
    pub cert: Option<Base64>,
    /// PKCS#8, for the `cert-*` types.
    #[serde(default, alias = "private", skip_serializing_if = "Option::is_none")]
    pub private: Option<Base64Secret>,
    /// The value, for `symmetric-key` and `plain`.
    #[serde(default, alias = "key", skip_serializing_if = "Option::is_none")]
    pub key: Option<Base64Secret>,
}

/// `POST /recover`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoverRequest {
    /// The recovery secret, plain or encrypted to the key of `GET /recover/public-key`.
    #[serde(default)]
    pub recovery_secret: Base64Secret,
    /// RSA PKCS#1 v1.5 SHA-256 signature over the plain secret.
    #[serde(default)]
    pub recovery_secret_signature: Base64,
}

/// Answer of `POST /recover`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverAnswer {
    /// Secrets still missing.
    pub remaining: i64,
    /// The sentence for it.
    pub message: String,
}

/// `GET /recover/public-key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoverPublicKey {
    /// `RSA`.
    pub algorithm: String,
    /// PKIX DER.
    pub ephemeral_public_key: Base64,
}
