//! Enrolment: how a verifier gets to know that an attestation key lives in a genuine platform (credential activation,
//! TPM 2.0 Library Part 1 §24).
//!
//! ```text
//! attester                               verifier
//! endorsement key, certificates, AK ───►  checks the certificates, encrypts a secret to the endorsement key so that
//!                                         only the platform that holds both keys can open it
//!                         ◄───────────── challenge
//! secret                   ───────────►  the secret is the one it sent: certifies the attestation key
//! ```

use std::fmt;

use async_trait::async_trait;
use strongroom_crypto::secret::SecretBytes;
use strongroom_crypto::tpm_credential::CredentialBlob;

use crate::error::AttesterError;

/// A platform whose attestation key a verifier enrols.
#[async_trait]
pub trait Enrolment: fmt::Debug + Send + Sync {
    /// What the verifier needs to make a challenge.
    ///
    /// # Errors
    /// [`AttesterError`].
    async fn request(&self) -> Result<EnrolmentRequest, AttesterError>;

    /// The secret inside a challenge. Only the platform that holds the endorsement key and the attestation key of the
    /// request can tell it.
    ///
    /// # Errors
    /// [`AttesterError::Refused`] for a challenge that was made for another platform or another key.
    async fn activate(&self, challenge: &CredentialBlob) -> Result<SecretBytes, AttesterError>;

    /// Certificates (DER, the attestation key's own first) that evidence carries from now on.
    fn set_certificates(&self, certificates: Vec<Vec<u8>>);
}

/// What is to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentRequest {
    /// The endorsement key, `TPMT_PUBLIC`.
    pub ek_public: Vec<u8>,
    /// The endorsement key's certificate, then the chain that the platform keeps; DER. Empty where the platform has
    /// none.
    pub ek_certificates: Vec<Vec<u8>>,
    /// The attestation key, `TPMT_PUBLIC`.
    pub ak_public: Vec<u8>,
}
