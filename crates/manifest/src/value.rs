//! Values of secrets, and the check of what users upload.

use std::collections::BTreeMap;

use strongroom_crypto::secret::SecretBytes;
use strongroom_crypto::x509::Certificate;

use crate::manifest::Manifest;
use crate::names::SecretName;
use crate::secret::{Secret, SecretKind};

/// The value of one secret.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum SecretValue {
    /// Bytes of a key.
    Symmetric(SecretBytes),
    /// Bytes of any kind.
    Plain(SecretBytes),
    /// A certificate and its key.
    Certificate {
        /// The certificate.
        certificate: Box<Certificate>,
        /// PKCS#8 (DER); users may keep it to themselves.
        private_key: Option<SecretBytes>,
    },
}

impl SecretValue {
    /// A second holder of the same value, said in words because it doubles what has to be wiped.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Symmetric(bytes) => Self::Symmetric(bytes.duplicate()),
            Self::Plain(bytes) => Self::Plain(bytes.duplicate()),
            Self::Certificate {
                certificate,
                private_key,
            } => Self::Certificate {
                certificate: certificate.clone(),
                private_key: private_key.as_ref().map(SecretBytes::duplicate),
            },
        }
    }
}

/// One secret as a user sends it: `Cert`, `Private` and `Key` of the request, decoded.
#[derive(Debug, Default)]
pub struct Upload {
    /// DER certificate.
    pub certificate: Option<Vec<u8>>,
    /// PKCS#8 private key.
    pub private_key: Option<SecretBytes>,
    /// Bytes of a symmetric or plain secret.
    pub key: Option<SecretBytes>,
}

/// An upload that the manifest does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// Nothing was sent.
    #[error("no new secrets defined")]
    Nothing,
    /// The manifest declares no such secret.
    #[error("secret manifest specifies a secret which the original manifest does not contain")]
    Unknown(SecretName),
    /// The secret is generated, not uploaded.
    #[error("secret {0} is not writeable")]
    NotWritable(SecretName),
    /// No bytes, or more than are taken.
    #[error("invalid secret size: {0}")]
    Size(SecretName),
    /// Another size than the manifest declares.
    #[error("declared size and actual size don't match: {0}")]
    SizeMismatch(SecretName),
    /// A certificate for a secret that is bytes.
    #[error("secret {name} is set to be of type {kind} but specified values for a certificate")]
    NotACertificate {
        /// The secret.
        name: SecretName,
        /// Its declared type.
        kind: &'static str,
    },
    /// Bytes for a secret that is a certificate.
    #[error("secret {0} is set to be a certificate but specified values for a symmetric-key")]
    NotAKey(SecretName),
    /// The certificate cannot be read.
    #[error("secret {0} has no readable certificate")]
    Certificate(SecretName),
}

impl Manifest {
    /// Checks what a user sends against the declarations. Whether the user may write each is asked elsewhere.
    ///
    /// # Errors
    /// [`UploadError`] for the first secret, in order of names, that is not as declared; then none is taken.
    pub fn check_upload(
        &self,
        uploads: BTreeMap<SecretName, Upload>,
    ) -> Result<BTreeMap<SecretName, SecretValue>, UploadError> {
        if uploads.is_empty() {
            return Err(UploadError::Nothing);
        }
        let check = |(name, upload): (SecretName, Upload)| {
            let declared = self
                .secrets()
                .get(&name)
                .ok_or_else(|| UploadError::Unknown(name.clone()))?;
            let value = check_one(&name, declared, upload)?;
            Ok((name, value))
        };
        uploads.into_iter().map(check).collect()
    }
}

fn check_one(name: &SecretName, declared: &Secret, upload: Upload) -> Result<SecretValue, UploadError> {
    if !declared.user_defined {
        return Err(UploadError::NotWritable(name.clone()));
    }
    match &declared.kind {
        SecretKind::Symmetric { bits } => {
            let key = only_key(name, "symmetric-key", upload)?;
            match u64::from(*bits) == 8 * key.len() as u64 {
                true => Ok(SecretValue::Symmetric(key)),
                false => Err(UploadError::SizeMismatch(name.clone())),
            }
        }
        SecretKind::Plain => Ok(SecretValue::Plain(only_key(name, "plain", upload)?)),
        SecretKind::Certificate { .. } => {
            if upload.key.is_some() {
                return Err(UploadError::NotAKey(name.clone()));
            }
            let certificate = upload.certificate.as_deref().map(Certificate::parse);
            let Some(Ok(certificate)) = certificate else {
                return Err(UploadError::Certificate(name.clone()));
            };
            let private_key = upload.private_key.filter(|key| !key.is_empty());
            Ok(SecretValue::Certificate {
                certificate: Box::new(certificate),
                private_key,
            })
        }
    }
}

fn only_key(name: &SecretName, kind: &'static str, upload: Upload) -> Result<SecretBytes, UploadError> {
    let certificate = upload.certificate.is_some_and(|der| !der.is_empty());
    if certificate || upload.private_key.is_some_and(|key| !key.is_empty()) {
        return Err(UploadError::NotACertificate {
            name: name.clone(),
            kind,
        });
    }
    let sized = |key: &SecretBytes| !key.is_empty() && key.len() <= UPLOAD_BYTES_MAX;
    upload
        .key
        .filter(sized)
        .ok_or_else(|| UploadError::Size(name.clone()))
}

/// Largest secret that a user may upload.
pub const UPLOAD_BYTES_MAX: usize = 1 << 20;
