//! `Secrets`: what is made, uploaded and handed out.

use std::collections::BTreeMap;

use crate::certificate::{CertificateTemplate, read_certificate};
use crate::fields::{Fields, Item};
use crate::names::SecretName;
use crate::problem::Problems;

/// Declaration of one secret.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Secret {
    /// What it is.
    pub kind: SecretKind,
    /// One value for all marbles, rather than one for each.
    pub shared: bool,
    /// Uploaded by a user rather than generated.
    pub user_defined: bool,
    /// What the manifest says: covered by no recovery and readable by nobody. See [`crate::Manifest::is_guarded`].
    pub guarded: Option<bool>,
}

/// Kinds of secrets.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum SecretKind {
    /// Random or uploaded bytes; `bits` is a multiple of 8, at least 8.
    Symmetric {
        /// Size in bits.
        bits: u32,
    },
    /// Bytes of any length; always uploaded.
    Plain,
    /// A key pair and a certificate for it.
    Certificate {
        /// The key to generate; an uploaded certificate may have another.
        key: CertificateKey,
        /// What the certificate says.
        template: Box<CertificateTemplate>,
    },
}

/// Keys of certificate secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateKey {
    /// RSA with a modulus of so many bits.
    Rsa(u16),
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// Uploaded: the key is the user's choice.
    Uploaded,
}

impl SecretKind {
    /// MarbleRun's word for it.
    pub fn is_certificate(&self) -> bool {
        matches!(self, Self::Certificate { .. })
    }
}

const SECRET: &[&str] = &[
    "Type",
    "Size",
    "Shared",
    "UserDefined",
    "Cert",
    "ValidFor",
    "Private",
    "Public",
    "Guarded",
];
const TYPES: [&str; 5] = ["symmetric-key", "cert-ecdsa", "cert-ed25519", "cert-rsa", "plain"];

pub(crate) fn read(top: &Fields<'_>) -> BTreeMap<SecretName, Secret> {
    let entries = top.map("Secrets");
    entries
        .into_iter()
        .map(|item| (SecretName::from(item.name), read_one(&item, top.problems())))
        .collect()
}

fn read_one(item: &Item<'_>, problems: &Problems) -> Secret {
    let fields = Fields::open(item.value, item.path.clone(), SECRET, problems);
    let shared = fields.flag("Shared").unwrap_or(false);
    let user_defined = fields.flag("UserDefined").unwrap_or(false);
    for name in ["Private", "Public"] {
        if fields.value(name).is_some_and(|value| !value.is_zero()) {
            problems.check(
                &fields.at(name),
                "everybody can read a manifest: upload the value as a secret instead",
            );
        }
    }
    Secret {
        kind: read_kind(&fields, shared, user_defined),
        shared,
        user_defined,
        guarded: fields.flag("Guarded"),
    }
}

fn read_kind(fields: &Fields<'_>, shared: bool, user_defined: bool) -> SecretKind {
    let problems = fields.problems();
    let before = problems.count();
    let size = fields.unsigned("Size", u64::from(u32::MAX)).unwrap_or(0);
    let kind = fields.text("Type").unwrap_or_default();
    let understood = problems.count() == before;
    match kind {
        "symmetric-key" => {
            no_certificate(fields, kind);
            let bits = u32::try_from(size).unwrap_or(u32::MAX);
            if understood && let Err(message) = symmetric_size(bits, shared || user_defined) {
                problems.check(&fields.at("Size"), message);
            }
            SecretKind::Symmetric { bits }
        }
        "plain" => {
            no_certificate(fields, kind);
            if !user_defined && understood {
                problems.check_hint(
                    fields.path(),
                    "a secret of type plain cannot be generated",
                    "set `UserDefined` to true and upload it",
                );
            }
            SecretKind::Plain
        }
        "cert-rsa" | "cert-ecdsa" | "cert-ed25519" => {
            let key = match certificate_key(kind, size) {
                _ if user_defined => CertificateKey::Uploaded,
                Ok(key) => key,
                Err(message) => {
                    if understood {
                        problems.check(&fields.at("Size"), message);
                    }
                    CertificateKey::Uploaded
                }
            };
            SecretKind::Certificate {
                key,
                template: Box::new(read_certificate(fields)),
            }
        }
        other => {
            if understood {
                let hint = crate::problem::did_you_mean(other, TYPES)
                    .unwrap_or_else(|| format!("known are {}", TYPES.join(", ")));
                problems.check_hint(&fields.at("Type"), format!("unknown type: {other}"), hint);
            }
            SecretKind::Plain
        }
    }
}

fn no_certificate(fields: &Fields<'_>, kind: &str) {
    if fields.value("Cert").is_some_and(|value| !value.is_zero()) {
        fields.problems().check(
            &fields.at("Cert"),
            format!("a secret of type {kind} has no certificate"),
        );
    }
}

fn symmetric_size(bits: u32, random: bool) -> Result<(), String> {
    if bits == 0 || !bits.is_multiple_of(8) {
        return Err(format!(
            "invalid secret size: {bits} bits; a multiple of 8 is needed"
        ));
    }
    let max = if random {
        SYMMETRIC_BITS_MAX
    } else {
        DERIVED_BITS_MAX
    };
    if bits > max {
        return Err(format!("invalid secret size: {bits} bits are more than {max}"));
    }
    Ok(())
}

fn certificate_key(kind: &str, size: u64) -> Result<CertificateKey, String> {
    match (kind, size) {
        ("cert-ed25519", 0) => Ok(CertificateKey::Ed25519),
        ("cert-ed25519", _) => Err(format!(
            "invalid secret size: {size}; an Ed25519 key has no size to choose"
        )),
        ("cert-ecdsa", 256) => Ok(CertificateKey::P256),
        ("cert-ecdsa", 384) => Ok(CertificateKey::P384),
        ("cert-ecdsa", 521) => Ok(CertificateKey::P521),
        ("cert-ecdsa", _) => Err(format!(
            "invalid secret size: {size}; the curves are 256, 384 and 521"
        )),
        ("cert-rsa", 2048) => Ok(CertificateKey::Rsa(2048)),
        ("cert-rsa", 3072) => Ok(CertificateKey::Rsa(3072)),
        ("cert-rsa", 4096) => Ok(CertificateKey::Rsa(4096)),
        ("cert-rsa", 8192) => Ok(CertificateKey::Rsa(8192)),
        _ => Err(format!(
            "invalid secret size: {size}; RSA keys have 2048, 3072, 4096 or 8192 bits"
        )),
    }
}

/// HKDF-SHA256 gives at most 255 blocks of 32 bytes.
const DERIVED_BITS_MAX: u32 = 255 * 32 * 8;
/// 64 KiB: what is larger is no key but a file.
const SYMMETRIC_BITS_MAX: u32 = 64 * 1024 * 8;
