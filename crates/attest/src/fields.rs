//! Reference values as they are written, and why they cannot be used.

use serde::{Deserialize, Serialize};
use strongroom_crypto::digest::Digest32;

use crate::claims::{Measurement, Protection};
use crate::code::{self, Code};
use crate::platform::{Platform, sgx, snp, tdx, tpm};
use crate::rules::Exception;

/// Reference values as they are written. [`crate::ReferenceValues::new`] checks them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// The platform.
    pub platform: Platform,
    /// Accepted roots, PEM. The software platform has no default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<String>,
    /// Accepted measurements of the program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measurement>,
    /// Accepted signers of the program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<Digest32>,
    /// The product number, with a signer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<u64>,
    /// Least security version, with a signer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_version_min: Option<u64>,
    /// Accepted digests of workload descriptions; none means that the program must be no launcher of one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<Digest32>,
    /// Accepted protection; `confidential` unless said otherwise.
    #[serde(default = "confidential", skip_serializing_if = "is_confidential")]
    pub protection: Vec<Protection>,
    /// What is asked of an SGX platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sgx: Option<sgx::Policy>,
    /// What is asked of a TDX platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tdx: Option<tdx::Policy>,
    /// What is asked of an SEV-SNP platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snp: Option<snp::Policy>,
    /// What is asked of a TPM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpm: Option<tpm::Policy>,
    /// Checks, by id, that must find something to check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_checks: Vec<String>,
    /// Named exceptions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
    /// Whether debug mode is accepted. Only a manifest's package can say so (`Debug`), never a policy.
    #[serde(skip)]
    pub debug: bool,
}

impl Fields {
    /// Expects nothing yet: not enough for [`crate::ReferenceValues::new`].
    #[must_use]
    pub fn of(platform: Platform) -> Self {
        Self {
            platform,
            roots: Vec::new(),
            measurements: Vec::new(),
            signers: Vec::new(),
            product: None,
            security_version_min: None,
            workloads: Vec::new(),
            protection: confidential(),
            sgx: None,
            tdx: None,
            snp: None,
            tpm: None,
            required_checks: Vec::new(),
            exceptions: Vec::new(),
            debug: false,
        }
    }
}

/// A policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// No JSON of this form.
    #[error("the policy cannot be read: {0}")]
    Json(String),
    /// Too large to be one.
    #[error("the policy has {length} bytes, more than {max}")]
    TooLarge {
        /// Bytes found.
        length: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Another format, or another version.
    #[error("the policy says format {0:?}, this program reads \"strongroom.policy.v1\"")]
    Format(String),
    /// Nothing is expected of a program.
    #[error(
        "reference values for platform {0} name neither a measurement nor a signer: any program would do"
    )]
    NoProgram(Platform),
    /// The software platform has no default root.
    #[error("reference values for platform {0} name no root, and there is no default")]
    NoRoot(Platform),
    /// A root is no certificate.
    #[error("root {index} of the reference values for platform {platform} is no PEM certificate")]
    Root {
        /// The platform.
        platform: Platform,
        /// Its place in the list, from 0.
        index: usize,
    },
    /// A measurement of another platform.
    #[error("measurement {found} has not the {bytes} bytes of a measurement of platform {platform}")]
    Measurement {
        /// The platform.
        platform: Platform,
        /// What is given.
        found: Measurement,
        /// What the platform has.
        bytes: usize,
    },
    /// A signer that cannot be told from the signer's other products.
    #[error("reference values for platform {0} name a signer without product and security_version_min")]
    SignerAlone(Platform),
    /// Signer fields for a platform without signers, or without a signer.
    #[error("reference values for platform {0} name product or security_version_min without a signer")]
    NoSigner(Platform),
    /// The platform knows no signers.
    #[error("platform {0} knows no signer of programs")]
    SignerUnknown(Platform),
    /// The policy of one platform in the reference values of another.
    #[error("reference values for platform {platform} hold a policy for platform {other}")]
    OtherPlatform {
        /// The platform of the reference values.
        platform: Platform,
        /// The platform of the policy.
        other: Platform,
    },
    /// No check has this id.
    #[error("there is no check {0:?}; docs/attestation.md lists them")]
    UnknownCheck(String),
    /// No evidence of the platform is ever given this check: to require it would refuse everything.
    #[error("check {check:?} is not one of those made of evidence of platform {platform}")]
    NotMade {
        /// The platform.
        platform: Platform,
        /// The check.
        check: String,
    },
    /// What is forged or of another session cannot be answered for.
    #[error("nobody can make an exception from check {0:?}")]
    NoException(String),
    /// An exception that nobody answers for.
    #[error("the exception from check {0:?} needs an owner and a reason of at most 512 bytes each")]
    ExceptionWithoutOwner(String),
    /// What a platform's policy says cannot be.
    #[error("the policy for platform {platform} cannot be used: {what}")]
    Platform {
        /// The platform.
        platform: Platform,
        /// What is wrong.
        what: String,
    },
    /// Nothing is accepted.
    #[error("reference values for platform {0} accept no protection at all")]
    NoProtection(Platform),
    /// No reference values.
    #[error(
        "the policy expects nothing of the coordinator: at least one entry of reference values is needed"
    )]
    NoReferenceValues,
    /// No manifest digest.
    #[error("the policy names no manifest digest: any manifest would do")]
    NoManifestDigest,
}

impl PolicyError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        code::POLICY
    }
}

pub(crate) fn check_program(fields: &Fields) -> Result<(), PolicyError> {
    let platform = fields.platform;
    if fields.measurements.is_empty() && fields.signers.is_empty() {
        return Err(PolicyError::NoProgram(platform));
    }
    let signed = !fields.signers.is_empty();
    if signed && platform != Platform::Sgx {
        return Err(PolicyError::SignerUnknown(platform));
    }
    match (signed, fields.product, fields.security_version_min) {
        (true, Some(_), Some(_)) | (false, None, None) => Ok(()),
        (true, ..) => Err(PolicyError::SignerAlone(platform)),
        (false, ..) => Err(PolicyError::NoSigner(platform)),
    }
}

/// What a platform's policy says must be of that platform, and make sense.
pub(crate) fn check_policies(fields: &Fields) -> Result<(), PolicyError> {
    let platform = fields.platform;
    let bytes = platform.measurement_bytes();
    let other = |measurement: &&Measurement| measurement.as_bytes().len() != bytes;
    if let Some(found) = fields.measurements.iter().find(other) {
        return Err(PolicyError::Measurement {
            platform,
            found: found.clone(),
            bytes,
        });
    }
    let present = [
        (Platform::Sgx, fields.sgx.is_some()),
        (Platform::Tdx, fields.tdx.is_some()),
        (Platform::Snp, fields.snp.is_some()),
        (Platform::Tpm, fields.tpm.is_some()),
    ];
    if let Some((other, _)) = present.iter().find(|(of, present)| *present && *of != platform) {
        return Err(PolicyError::OtherPlatform {
            platform,
            other: *other,
        });
    }
    check_platform_policy(fields)
}

/// What a platform's policy says must make sense.
fn check_platform_policy(fields: &Fields) -> Result<(), PolicyError> {
    let checked = match fields.platform {
        Platform::Sgx => fields.sgx.as_ref().map_or(Ok(()), sgx::Policy::validate),
        Platform::Tdx => fields.tdx.as_ref().map_or(Ok(()), tdx::Policy::validate),
        Platform::Snp => fields.snp.as_ref().map_or(Ok(()), snp::Policy::validate),
        Platform::Tpm => fields.tpm.as_ref().map_or(Ok(()), tpm::Policy::check),
        _ => Ok(()),
    };
    checked.map_err(|what| PolicyError::Platform {
        platform: fields.platform,
        what,
    })
}

/// Whether the values know TPM attestation keys themselves.
pub(crate) fn knows_attestation_keys(fields: &Fields) -> bool {
    let policy = fields.tpm.as_ref();
    policy.is_some_and(|policy| !policy.trusted_attestation_keys.is_empty())
}

fn confidential() -> Vec<Protection> {
    vec![Protection::Confidential]
}

fn is_confidential(protection: &[Protection]) -> bool {
    protection == [Protection::Confidential]
}
