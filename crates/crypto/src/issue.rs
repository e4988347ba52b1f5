//! Making certificates and requests, and the key kinds that certificate secrets ask for.

use std::net::IpAddr;

pub mod custom;
pub mod vendor;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use crate::random::{self, Random};
use crate::sign::{Curve, SigningKey};
use crate::time::UnixTime;
use crate::x509::{Certificate, Names};

/// A certificate or request could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// A DNS name has characters that no certificate can carry.
    #[error("`{0}` is no DNS name")]
    Name(String),
    /// The subject's key is of a kind that is not certified here.
    #[error("unsupported kind of public key")]
    Key,
    /// A part of the subject stands there more than once.
    #[error("a certificate's subject has one {0:?} at most")]
    Repeated(custom::SubjectPart),
    /// The library refused.
    #[error("the certificate cannot be written")]
    Encoding,
}

/// What a certificate is to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// A certification authority that also serves TLS: digital signature and certificate signing.
    Authority,
    /// One end of a TLS connection: digital signature and key agreement, server and client.
    Leaf,
    /// Signs statements and never speaks TLS: digital signature, no extended usage.
    Statements,
    /// A TPM's attestation key: digital signature, and the TCG's usage for such keys alone (2.23.133.8.3).
    AttestationKey,
}

/// What stands in a certificate.
#[derive(Debug, Clone)]
pub struct Template {
    /// Common name of the subject; the subject holds nothing else.
    pub common_name: String,
    /// Subject alternative names, DNS names first.
    pub names: Names,
    /// First second of validity.
    pub not_before: UnixTime,
    /// Last second of validity.
    pub not_after: UnixTime,
    /// Key usages.
    pub usage: Usage,
    /// Further extensions: OID arcs and raw value, not critical.
    pub extensions: Vec<(Vec<u64>, Vec<u8>)>,
}

impl Template {
    fn params(&self, random: &dyn Random) -> Result<CertificateParams, IssueError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, self.common_name.as_str());
        params.subject_alt_names = alt_names(&self.names)?;
        params.not_before = self.not_before.to_offset_date_time();
        params.not_after = self.not_after.to_offset_date_time();
        // 127 random bits: RFC 5280 §4.1.2.2 wants a positive number of at most 20 bytes.
        let mut serial = random::array::<16>(random);
        serial[0] &= 0x7f;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        match self.usage {
            Usage::Authority => {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
            }
            Usage::Leaf => {
                params.is_ca = IsCa::ExplicitNoCa;
                params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyAgreement];
            }
            Usage::Statements => {
                params.is_ca = IsCa::ExplicitNoCa;
                params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
                params.extended_key_usages.clear();
            }
            Usage::AttestationKey => {
                params.is_ca = IsCa::ExplicitNoCa;
                params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(vec![2, 23, 133, 8, 3])];
            }
        }
        params.custom_extensions = self
            .extensions
            .iter()
            .map(|(oid, value)| CustomExtension::from_oid_content(oid, value.clone()))
            .collect();
        Ok(params)
    }
}

/// A certificate signed with its own key.
///
/// # Errors
/// [`IssueError`].
pub fn self_signed(
    template: &Template,
    key: &SigningKey,
    random: &dyn Random,
) -> Result<Certificate, IssueError> {
    let made = template
        .params(random)?
        .self_signed(key)
        .map_err(|_| IssueError::Encoding)?;
    Certificate::parse(made.der()).map_err(|_| IssueError::Encoding)
}

/// Who signs: a name and a key. The issuing certificate itself is not needed.
#[derive(Debug)]
pub struct Authority<'a> {
    common_name: String,
    key: &'a SigningKey,
}

impl<'a> Authority<'a> {
    /// The authority whose certificate has `common_name` as its subject.
    #[must_use]
    pub fn new(common_name: &str, key: &'a SigningKey) -> Self {
        Self {
            common_name: common_name.to_owned(),
            key,
        }
    }

    /// Certifies `subject_spki` (DER SubjectPublicKeyInfo: ECDSA P-256 or P-384, Ed25519, RSA).
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn issue(
        &self,
        template: &Template,
        subject_spki: &[u8],
        random: &dyn Random,
    ) -> Result<Certificate, IssueError> {
        let issuer = issuer_params(&self.common_name);
        let mut params = template.params(random)?;
        params.use_authority_key_identifier_extension = true;
        let subject = SubjectKey::parse(subject_spki)?;
        let made = params
            .signed_by(&subject, &Issuer::new(issuer, self.key))
            .map_err(|_| IssueError::Encoding)?;
        Certificate::parse(made.der()).map_err(|_| IssueError::Encoding)
    }
}

fn issuer_params(common_name: &str) -> CertificateParams {
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = DistinguishedName::new();
    issuer.distinguished_name.push(DnType::CommonName, common_name);
    issuer.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    issuer
}

/// A DER certificate request for `names`, signed by `key`; its subject is empty.
///
/// # Errors
/// [`IssueError`].
pub fn certificate_request(key: &SigningKey, names: &Names) -> Result<Vec<u8>, IssueError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = alt_names(names)?;
    let request = params.serialize_request(key).map_err(|_| IssueError::Encoding)?;
    Ok(request.der().to_vec())
}

/// Kinds of key that a manifest's certificate secrets can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// ECDSA on P-521.
    EcdsaP521,
    /// Ed25519.
    Ed25519,
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// RSA of 4096 bits.
    Rsa4096,
}

/// A generated key: private half as PKCS#8 DER, public half as DER SubjectPublicKeyInfo.
pub struct GeneratedKey {
    /// PKCS#8 DER, wiped on drop.
    pub pkcs8: Zeroizing<Vec<u8>>,
    /// DER SubjectPublicKeyInfo.
    pub spki: Vec<u8>,
}

impl std::fmt::Debug for GeneratedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GeneratedKey([REDACTED])")
    }
}

/// Generates a key. RSA takes up to some hundred milliseconds.
///
/// # Errors
/// [`IssueError::Key`] when the library cannot make one.
pub fn generate_key(kind: KeyKind) -> Result<GeneratedKey, IssueError> {
    use rcgen::RsaKeySize;
    let pair = match kind {
        KeyKind::EcdsaP256 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        KeyKind::EcdsaP384 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        KeyKind::EcdsaP521 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512),
        KeyKind::Ed25519 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519),
        KeyKind::Rsa2048 => rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
        KeyKind::Rsa3072 => rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_3072),
        KeyKind::Rsa4096 => rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_4096),
    }
    .map_err(|_| IssueError::Key)?;
    Ok(GeneratedKey {
        pkcs8: Zeroizing::new(pair.serialize_der()),
        spki: pair.subject_public_key_info(),
    })
}

fn alt_names(names: &Names) -> Result<Vec<SanType>, IssueError> {
    let dns = names.dns.iter().map(|name| {
        name.as_str()
            .try_into()
            .map(SanType::DnsName)
            .map_err(|_| IssueError::Name(name.clone()))
    });
    let ip = names
        .ip
        .iter()
        .map(|address: &IpAddr| Ok(SanType::IpAddress(*address)));
    dns.chain(ip).collect()
}

struct SubjectKey {
    algorithm: &'static SignatureAlgorithm,
    key: Vec<u8>,
}

impl SubjectKey {
    fn parse(spki: &[u8]) -> Result<Self, IssueError> {
        let (rest, parsed) = SubjectPublicKeyInfo::from_der(spki).map_err(|_| IssueError::Key)?;
        if !rest.is_empty() {
            return Err(IssueError::Key);
        }
        // rcgen writes an algorithm's parameters itself, so what it writes must be what was asked for.
        [
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P521_SHA512,
            &rcgen::PKCS_ED25519,
            &rcgen::PKCS_RSA_SHA256,
        ]
        .into_iter()
        .map(|algorithm| Self {
            algorithm,
            key: parsed.subject_public_key.data.to_vec(),
        })
        .find(|candidate| candidate.subject_public_key_info() == spki)
        .ok_or(IssueError::Key)
    }
}

impl PublicKeyData for SubjectKey {
    fn der_bytes(&self) -> &[u8] {
        &self.key
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl PublicKeyData for SigningKey {
    fn der_bytes(&self) -> &[u8] {
        self.verifying_key().point()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.verifying_key().curve() {
            Curve::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Curve::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        }
    }
}

impl rcgen::SigningKey for SigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.sign(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;
    use crate::x509::{Csr, X509Error};

    fn template(usage: Usage) -> Template {
        Template {
            common_name: "Test".into(),
            names: Names {
                dns: vec!["localhost".into()],
                ip: vec![IpAddr::from([127, 0, 0, 1])],
            },
            not_before: UnixTime(1_790_000_000),
            not_after: UnixTime(1_790_086_400),
            usage,
            extensions: vec![(vec![1, 3, 9903, 2, 1], b"inference".to_vec())],
        }
    }

    #[test]
    fn what_is_issued_is_what_was_asked_for() {
        let root_key = SigningKey::generate_p384();
        let root = self_signed(&template(Usage::Authority), &root_key, &SystemRandom).unwrap();
        assert!(root.is_ca());
        assert_eq!(root.verify_signature_by(root_key.verifying_key()), Ok(()));

        let key = SigningKey::generate_p384();
        let leaf = Authority::new("Test", &root_key)
            .issue(&template(Usage::Leaf), key.spki_der(), &SystemRandom)
            .unwrap();
        assert_eq!(leaf.verify_signature_by(root_key.verifying_key()), Ok(()));
        assert_eq!(
            leaf.verify_signature_by(key.verifying_key()),
            Err(X509Error::BadSignature)
        );
        assert_eq!(leaf.spki_der(), key.spki_der());
        assert_eq!(leaf.names(), &template(Usage::Leaf).names);
        assert_eq!(leaf.extension("1.3.9903.2.1"), Some(&b"inference"[..]));
        assert_eq!(
            (leaf.not_before(), leaf.is_ca()),
            (UnixTime(1_790_000_000), false)
        );
        assert_eq!(Certificate::parse_pem(&leaf.to_pem()).unwrap(), leaf);

        let attestation = Authority::new("Test", &root_key)
            .issue(&template(Usage::AttestationKey), key.spki_der(), &SystemRandom)
            .unwrap();
        let usages = attestation.extended_key_usages().unwrap();
        assert_eq!(usages, ["2.23.133.8.3"], "neither end of a TLS connection");
    }

    #[test]
    fn a_request_proves_its_key() {
        let key = SigningKey::generate_p384();
        let names = template(Usage::Leaf).names;
        let mut der = certificate_request(&key, &names).unwrap();
        let request = Csr::parse_and_verify(&der).unwrap();
        assert_eq!((request.spki_der(), request.names()), (key.spki_der(), &names));
        *der.last_mut().unwrap() ^= 1;
        assert!(Csr::parse_and_verify(&der).is_err());
    }

    #[test]
    fn certifies_every_kind_of_key() {
        let root = SigningKey::generate_p384();
        for kind in [
            KeyKind::EcdsaP256,
            KeyKind::EcdsaP521,
            KeyKind::Ed25519,
            KeyKind::Rsa2048,
        ] {
            let key = generate_key(kind).unwrap();
            let leaf = Authority::new("Test", &root)
                .issue(&template(Usage::Leaf), &key.spki, &SystemRandom)
                .unwrap();
            assert_eq!(leaf.spki_der(), key.spki, "{kind:?}");
        }
    }
}
