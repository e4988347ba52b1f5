//! Certificates and revocation lists in the shapes of hardware vendors' own: chosen serial numbers, raw extensions,
//! issuers with RSA keys. Roots for tests; nothing of ours is certified so.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, PublicKeyData, RevokedCertParams, SerialNumber,
    SignatureAlgorithm,
};

use super::custom::{self, SubjectPart};
use super::{IssueError, SubjectKey};
use crate::der;
use crate::rsa_sign::RsaSigningKey;
use crate::rsa_verify::RsaScheme;
use crate::sign::SigningKey;
use crate::time::UnixTime;
use crate::x509::crl::Crl;
use crate::x509::signature::rsa_algorithm;
use crate::x509::{Certificate, KeyUsage};

/// Basic constraints (RFC 5280 §4.2.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraints {
    /// The extension is left out.
    Absent,
    /// No authority.
    Leaf,
    /// An authority, with at most so many below it.
    Authority(Option<u8>),
}

/// An extension as it stands in the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawExtension {
    /// Arcs of the object identifier.
    pub oid: Vec<u64>,
    /// Whether who does not understand it has to refuse the certificate.
    pub critical: bool,
    /// The value, without the OCTET STRING around it.
    pub value: Vec<u8>,
}

/// What stands in a certificate.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The subject, in this order; each part at most once.
    pub subject: Vec<(SubjectPart, String)>,
    /// Serial number, big-endian. Zero, as AMD has it, is allowed.
    pub serial: Vec<u8>,
    /// First second of validity.
    pub not_before: UnixTime,
    /// Last second of validity.
    pub not_after: UnixTime,
    /// Basic constraints.
    pub constraints: Constraints,
    /// Key usage; `None` leaves the extension out.
    pub key_usage: Option<KeyUsage>,
    /// Extended key usages: arcs of each identifier. Empty leaves the extension out.
    pub extended_key_usages: Vec<Vec<u64>>,
    /// Further extensions, in this order.
    pub extensions: Vec<RawExtension>,
}

/// What stands in a revocation list.
#[derive(Debug, Clone)]
pub struct ListShape {
    /// The list's number.
    pub number: u64,
    /// When it was made.
    pub this_update: UnixTime,
    /// When the next one is due: later than `this_update`.
    pub next_update: UnixTime,
    /// Serial numbers of revoked certificates, big-endian.
    pub revoked: Vec<Vec<u8>>,
}

/// The key of an issuer.
#[derive(Debug, Clone, Copy)]
pub enum IssuerKey<'a> {
    /// ECDSA, with the hash of the curve.
    Ecdsa(&'a SigningKey),
    /// RSA, with this padding and hash.
    Rsa(&'a RsaSigningKey, RsaScheme),
}

/// Who signs: a name and a key.
#[derive(Debug, Clone)]
pub struct Vendor<'a> {
    subject: Vec<(SubjectPart, String)>,
    key: IssuerKey<'a>,
}

impl<'a> Vendor<'a> {
    /// The issuer whose certificate has `subject`.
    #[must_use]
    pub fn new(subject: &[(SubjectPart, String)], key: IssuerKey<'a>) -> Self {
        Self {
            subject: subject.to_vec(),
            key,
        }
    }

    /// Certifies `subject_spki` (DER SubjectPublicKeyInfo). With the issuer's own name and key, a root.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn issue(&self, shape: &Shape, subject_spki: &[u8]) -> Result<Certificate, IssueError> {
        let subject = SubjectKey::parse(subject_spki)?;
        let made = params(shape)?
            .signed_by(&subject, &self.issuer()?)
            .map_err(|_| IssueError::Encoding)?;
        Certificate::parse(&self.sign_again(made.der())?).map_err(|_| IssueError::Encoding)
    }

    /// A revocation list of this issuer.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn revoke(&self, shape: &ListShape) -> Result<Crl, IssueError> {
        Crl::parse(&self.list(&list_params(shape))?).map_err(|_| IssueError::Encoding)
    }

    pub(crate) fn list(&self, params: &CertificateRevocationListParams) -> Result<Vec<u8>, IssueError> {
        let made = params
            .signed_by(&self.issuer()?)
            .map_err(|_| IssueError::Encoding)?;
        self.sign_again(made.der())
    }

    fn issuer(&self) -> Result<Issuer<'_, IssuerKey<'_>>, IssueError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = custom::name(&self.subject)?;
        Ok(Issuer::new(params, self.key))
    }

    /// The library knows no PSS: what it has written is signed again, with the algorithm exchanged in both places.
    fn sign_again(&self, made: &[u8]) -> Result<Vec<u8>, IssueError> {
        match self.key {
            IssuerKey::Ecdsa(_) => Ok(made.to_vec()),
            IssuerKey::Rsa(key, scheme) => {
                let algorithm = rsa_algorithm(scheme);
                exchange_algorithm(made, &algorithm, |signed| key.sign(scheme, signed))
                    .ok_or(IssueError::Encoding)
            }
        }
    }
}

impl PublicKeyData for IssuerKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        match self {
            Self::Ecdsa(key) => key.der_bytes(),
            Self::Rsa(key, _) => key.verifying_key().numbers_der(),
        }
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self {
            Self::Ecdsa(key) => key.algorithm(),
            Self::Rsa(..) => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

impl rcgen::SigningKey for IssuerKey<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(match self {
            Self::Ecdsa(key) => key.sign(message)?,
            // `sign_again` puts the signature in.
            Self::Rsa(..) => Vec::new(),
        })
    }
}

fn params(shape: &Shape) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = custom::name(&shape.subject)?;
    params.serial_number = Some(SerialNumber::from_slice(&shape.serial));
    params.not_before = shape.not_before.to_offset_date_time();
    params.not_after = shape.not_after.to_offset_date_time();
    params.is_ca = match shape.constraints {
        Constraints::Absent => IsCa::NoCa,
        Constraints::Leaf => IsCa::ExplicitNoCa,
        Constraints::Authority(None) => IsCa::Ca(BasicConstraints::Unconstrained),
        Constraints::Authority(Some(below)) => IsCa::Ca(BasicConstraints::Constrained(below)),
    };
    params.key_usages = custom::key_usages(shape.key_usage.map_or(0, KeyUsage::bits));
    params.extended_key_usages = shape
        .extended_key_usages
        .iter()
        .cloned()
        .map(ExtendedKeyUsagePurpose::Other)
        .collect();
    params.custom_extensions = shape
        .extensions
        .iter()
        .map(|extension| {
            let mut made = CustomExtension::from_oid_content(&extension.oid, extension.value.clone());
            made.set_criticality(extension.critical);
            made
        })
        .collect();
    Ok(params)
}

pub(crate) fn list_params(shape: &ListShape) -> CertificateRevocationListParams {
    let revoked_certs = shape.revoked.iter().map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: shape.this_update.to_offset_date_time(),
        reason_code: None,
        invalidity_date: None,
    });
    CertificateRevocationListParams {
        this_update: shape.this_update.to_offset_date_time(),
        next_update: shape.next_update.to_offset_date_time(),
        crl_number: SerialNumber::from(shape.number),
        issuing_distribution_point: None,
        revoked_certs: revoked_certs.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

/// Replaces the algorithm of a certificate or list, inside and outside, and its signature.
pub(crate) fn exchange_algorithm(
    made: &[u8],
    algorithm: &[u8],
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Option<Vec<u8>> {
    let outer = der::elements(made)?;
    let [signed, old, _] = outer.as_slice() else {
        return None;
    };
    let inner: Vec<&[u8]> = der::elements(signed)?
        .into_iter()
        .map(|element| if element == *old { algorithm } else { element })
        .collect();
    let signed = der::element(der::SEQUENCE, &inner);
    let signature = der::element(der::BIT_STRING, &[&[0], &sign(&signed)]);
    Some(der::element(der::SEQUENCE, &[&signed, algorithm, &signature]))
}
