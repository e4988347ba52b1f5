//! Secrets that nobody uploads: shared ones, made once; per-marble ones, made at each activation.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_crypto::issue::custom::{CustomTemplate, SubjectPart};
use strongroom_crypto::issue::{self, IssueError, KeyKind};
use strongroom_crypto::kdf::hkdf_sha256;
use strongroom_crypto::random::Random;
use strongroom_crypto::secret::{RootSecret, SecretBytes};
use strongroom_crypto::time::UnixTime;
use strongroom_manifest::certificate::{CertificateTemplate, Subject, Validity};
use strongroom_manifest::{
    CertificateKey, Manifest, MarbleType, Secret, SecretKind, SecretName, SecretValue,
};
use zeroize::Zeroizing;

use crate::pki::{Authority, INTERMEDIATE_NAME};

/// A secret cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("secret {name}: {why}")]
pub struct GenerateError {
    name: SecretName,
    why: String,
}

/// What secrets are made with.
#[derive(Clone, Copy)]
pub struct Maker<'a> {
    /// Signs certificates.
    pub authority: &'a Authority,
    /// Where per-marble secrets come from.
    pub root_secret: &'a RootSecret,
    /// Randomness.
    pub random: &'a dyn Random,
    /// Beginning of certificates.
    pub now: UnixTime,
}

/// Values by name.
pub type Values = BTreeMap<SecretName, Arc<SecretValue>>;

impl Maker<'_> {
    /// Makes the shared secrets of a manifest.
    ///
    /// # Errors
    /// [`GenerateError`].
    pub fn shared(&self, manifest: &Manifest) -> Result<Values, GenerateError> {
        let declared = manifest.secrets().iter();
        let shared = declared.filter(|(_, secret)| secret.shared && !secret.user_defined);
        let make = |(name, secret): (&SecretName, &Secret)| {
            let value = match &secret.kind {
                SecretKind::Symmetric { bits } => self.random_key(*bits),
                kind => self.certificate(name, kind)?,
            };
            Ok((name.clone(), Arc::new(value)))
        };
        shared.map(make).collect()
    }

    /// Makes the secrets that one marble has for itself. The same marble gets the same keys again (MarbleRun's
    /// derivation), and new certificates each time.
    ///
    /// # Errors
    /// [`GenerateError`].
    pub fn per_marble(
        &self,
        manifest: &Manifest,
        marble: &MarbleType,
        uuid: &str,
    ) -> Result<Values, GenerateError> {
        let unbound = manifest
            .marbles()
            .get(marble)
            .is_some_and(|marble| marble.disable_secret_binding);
        let info = if unbound { "" } else { marble.as_str() };
        let mut values = Values::new();
        for name in manifest.secrets_needed(marble.as_str()) {
            let Some(secret) = manifest.secrets().get(&name) else {
                continue;
            };
            if secret.shared || secret.user_defined {
                continue;
            }
            let value = match &secret.kind {
                SecretKind::Symmetric { bits } => self.derived_key(&name, *bits, uuid, info)?,
                kind => self.certificate(&name, kind)?,
            };
            values.insert(name, Arc::new(value));
        }
        Ok(values)
    }

    fn random_key(&self, bits: u32) -> SecretValue {
        let mut key = vec![0; bytes_of(bits)];
        self.random.fill(&mut key);
        SecretValue::Symmetric(SecretBytes::new(key))
    }

    fn derived_key(
        &self,
        name: &SecretName,
        bits: u32,
        uuid: &str,
        info: &str,
    ) -> Result<SecretValue, GenerateError> {
        let mut key = Zeroizing::new(vec![0; bytes_of(bits)]);
        let salt = [uuid.as_bytes(), name.as_str().as_bytes()].concat();
        hkdf_sha256(self.root_secret.expose(), &salt, info.as_bytes(), &mut key).map_err(|error| {
            GenerateError {
                name: name.clone(),
                why: error.to_string(),
            }
        })?;
        Ok(SecretValue::Symmetric(SecretBytes::new(std::mem::take(
            &mut *key,
        ))))
    }

    fn certificate(&self, name: &SecretName, kind: &SecretKind) -> Result<SecretValue, GenerateError> {
        let failed = |why: String| GenerateError {
            name: name.clone(),
            why,
        };
        let SecretKind::Certificate { key, template } = kind else {
            return Err(failed("a secret of type plain cannot be generated".to_owned()));
        };
        let kind = key_kind(*key)
            .ok_or_else(|| failed("keys of this kind and size are not made here".to_owned()))?;
        let key = issue::generate_key(kind).map_err(|error| failed(error.to_string()))?;
        let template = custom(template, self.now, self.authority.marble_root().not_after());
        let authority = issue::Authority::new(INTERMEDIATE_NAME, &self.authority.intermediate_key);
        let certificate = authority
            .issue_custom(&template, &key.spki, self.random)
            .map_err(|error: IssueError| failed(error.to_string()))?;
        let private_key = Some(SecretBytes::copy_of(&key.pkcs8));
        Ok(SecretValue::Certificate {
            certificate: Box::new(certificate),
            private_key,
        })
    }
}

fn bytes_of(bits: u32) -> usize {
    usize::try_from(bits / 8).unwrap_or(0)
}

const fn key_kind(key: CertificateKey) -> Option<KeyKind> {
    match key {
        CertificateKey::P256 => Some(KeyKind::EcdsaP256),
        CertificateKey::P384 => Some(KeyKind::EcdsaP384),
        CertificateKey::P521 => Some(KeyKind::EcdsaP521),
        CertificateKey::Ed25519 => Some(KeyKind::Ed25519),
        CertificateKey::Rsa(2048) => Some(KeyKind::Rsa2048),
        CertificateKey::Rsa(3072) => Some(KeyKind::Rsa3072),
        CertificateKey::Rsa(4096) => Some(KeyKind::Rsa4096),
        _ => None,
    }
}

fn custom(template: &CertificateTemplate, now: UnixTime, issuer_end: UnixTime) -> CustomTemplate {
    let end = match template.validity {
        Validity::Days(days) => now.plus(u64::from(days) * 24 * 3600),
        Validity::Until(until) => until,
        _ => now,
    };
    CustomTemplate {
        subject: subject(&template.subject),
        dns: template.dns_names.clone(),
        ip: template.ip_addresses.clone(),
        email: template.email_addresses.clone(),
        not_before: now,
        not_after: end.min(issuer_end),
        key_usage: template.key_usage,
        ext_key_usage: template.ext_key_usage.clone(),
        authority: template.is_ca.then_some(template.max_path_len),
    }
}

/// In the order of Go's encoder.
fn subject(subject: &Subject) -> Vec<(SubjectPart, String)> {
    let lists = [
        (SubjectPart::Country, &subject.country),
        (SubjectPart::Organization, &subject.organization),
        (SubjectPart::OrganizationalUnit, &subject.organizational_unit),
        (SubjectPart::Locality, &subject.locality),
        (SubjectPart::Province, &subject.province),
        (SubjectPart::StreetAddress, &subject.street_address),
        (SubjectPart::PostalCode, &subject.postal_code),
    ];
    let mut parts: Vec<_> = lists
        .into_iter()
        .flat_map(|(part, values)| values.iter().map(move |value| (part, value.clone())))
        .collect();
    parts.push((SubjectPart::CommonName, subject.common_name.clone()));
    if !subject.serial_number.is_empty() {
        parts.push((SubjectPart::SerialNumber, subject.serial_number.clone()));
    }
    parts
}
