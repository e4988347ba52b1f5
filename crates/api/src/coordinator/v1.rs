//! MarbleRun's v1 paths (at the root). Kept for old clients; requests and answers that v2 shares are there.

use super::bytes::Base64;
use serde::{Deserialize, Serialize};

/// `GET /status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Status {
    /// State number, 1 to 3.
    pub status_code: i64,
    /// The sentence for it.
    pub status_message: String,
}

/// `GET /quote`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Quote {
    /// PEM of the intermediate, then the root certificate.
    pub cert: String,
    /// The quote over the root certificate.
    pub quote: Option<Base64>,
}

/// `GET /manifest`. Before a manifest is set: `null`, an empty string, `null`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// ASN.1 ECDSA signature by the root key over SHA-256 of the manifest.
    #[serde(rename = "ManifestSignatureRootECDSA")]
    pub signature: Option<Base64>,
    /// Hex SHA-256 of the manifest (the name is MarbleRun's).
    #[serde(rename = "ManifestSignature")]
    pub fingerprint: String,
    /// The manifest's bytes as they were set.
    #[serde(rename = "Manifest")]
    pub manifest: Option<Base64>,
}
