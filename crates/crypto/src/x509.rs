//! X.509 certificates, requests and revocation lists (RFC 5280, RFC 2986): reading and checking. Making them is
//! `issue`'s business.

use std::fmt;
use std::net::IpAddr;

use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

use crate::sign::{PublicKey, VerifyingKey};
use crate::time::UnixTime;

pub mod crl;
mod csr;
pub(crate) mod signature;
#[cfg(all(test, feature = "fast"))]
mod tests;
mod usage;

pub use csr::Csr;
pub use usage::KeyUsage;

/// Largest certificate or request that is read, in bytes: far above real ones, far below what could exhaust memory.
pub const DER_BYTES_MAX: usize = 64 * 1024;

/// A certificate, request or revocation list cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum X509Error {
    /// The bytes are no such DER structure, or others follow it.
    #[error("malformed certificate, certificate request or revocation list")]
    Malformed,
    /// The input is longer than [`DER_BYTES_MAX`] or [`crl::CRL_BYTES_MAX`].
    #[error("certificate, certificate request or revocation list longer than is read")]
    TooLong,
    /// The text has no PEM block of the kind.
    #[error("no PEM certificate or revocation list found")]
    NoPem,
    /// Neither ECDSA on P-256 or P-384 with the hash that goes with the curve, nor RSA in one of the forms of
    /// [`RsaScheme`](crate::rsa_verify::RsaScheme); or not the kind of key that the signature was made with.
    #[error("unsupported key or signature algorithm")]
    Unsupported,
    /// The signature is not the issuer's.
    #[error("the signature does not verify")]
    BadSignature,
    /// A revocation list has a critical extension that is not understood.
    #[error("critical extension of the revocation list is not understood")]
    CriticalExtension,
}

/// One certificate: its DER bytes, and the fields read from them once.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    spki: Vec<u8>,
    serial: Vec<u8>,
    issuer: Name,
    subject: Name,
    not_before: UnixTime,
    not_after: UnixTime,
    names: Names,
    extensions: Vec<Extension>,
    is_ca: bool,
    path_length: Option<u32>,
    key_usage: Option<KeyUsage>,
    extended_key_usages: Option<Vec<String>>,
}

/// A distinguished name: its DER bytes, and its first common name.
#[derive(Clone, PartialEq, Eq)]
struct Name {
    raw: Vec<u8>,
    common_name: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
struct Extension {
    oid: String,
    critical: bool,
    value: Vec<u8>,
}

/// Subject alternative names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// DNS names, as written.
    pub dns: Vec<String>,
    /// IP addresses.
    pub ip: Vec<IpAddr>,
}

impl Certificate {
    /// Reads one DER certificate.
    ///
    /// # Errors
    /// [`X509Error::Malformed`], [`X509Error::TooLong`].
    pub fn parse(der: &[u8]) -> Result<Self, X509Error> {
        let certificate = parse_der(der)?;
        // RFC 5280 §4.2: one of each at most. Which of two would be believed is nobody's guess to make.
        certificate.extensions_map().map_err(|_| X509Error::Malformed)?;
        let mut read = Self {
            der: der.to_vec(),
            spki: certificate.public_key().raw.to_vec(),
            serial: certificate.raw_serial().to_vec(),
            issuer: Name::read(certificate.issuer()),
            subject: Name::read(certificate.subject()),
            not_before: seconds(certificate.validity().not_before.timestamp()),
            not_after: seconds(certificate.validity().not_after.timestamp()),
            names: Names::default(),
            extensions: Vec::new(),
            is_ca: false,
            path_length: None,
            key_usage: None,
            extended_key_usages: None,
        };
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => {
                    read.names = read_names(&names.general_names)?;
                }
                ParsedExtension::BasicConstraints(constraints) => {
                    read.is_ca = constraints.ca;
                    read.path_length = constraints.path_len_constraint;
                }
                ParsedExtension::KeyUsage(usage) => read.key_usage = Some(KeyUsage::from_bits(usage.flags)),
                ParsedExtension::ExtendedKeyUsage(usages) => {
                    read.extended_key_usages = Some(usage::extended(usages));
                }
                // A restriction that cannot be read would otherwise be none.
                ParsedExtension::ParseError { .. } if is_restriction(&extension.oid.to_id_string()) => {
                    return Err(X509Error::Malformed);
                }
                _ => {}
            }
            read.extensions.push(Extension {
                oid: extension.oid.to_id_string(),
                critical: extension.critical,
                value: extension.value.to_vec(),
            });
        }
        Ok(read)
    }

    /// Reads the first PEM `CERTIFICATE` block.
    ///
    /// # Errors
    /// [`X509Error`].
    pub fn parse_pem(text: &str) -> Result<Self, X509Error> {
        Self::parse_pem_chain(text)?
            .into_iter()
            .next()
            .ok_or(X509Error::NoPem)
    }

    /// Reads all PEM `CERTIFICATE` blocks, in order.
    ///
    /// # Errors
    /// [`X509Error`].
    pub fn parse_pem_chain(text: &str) -> Result<Vec<Self>, X509Error> {
        let blocks = pem::parse_many(text).map_err(|_| X509Error::NoPem)?;
        blocks
            .iter()
            .filter(|block| block.tag() == "CERTIFICATE")
            .map(|block| Self::parse(block.contents()))
            .collect()
    }

    /// The certificate as it was read.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        encode_pem(&pem::Pem::new("CERTIFICATE", self.der.clone()))
    }

    /// DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The public key, where it is one that we verify with.
    ///
    /// # Errors
    /// [`X509Error::Unsupported`].
    pub fn verifying_key(&self) -> Result<VerifyingKey, X509Error> {
        VerifyingKey::from_spki_der(&self.spki).map_err(|_| X509Error::Unsupported)
    }

    /// The public key, of either kind that we verify with.
    ///
    /// # Errors
    /// [`X509Error::Unsupported`].
    pub fn public_key(&self) -> Result<PublicKey, X509Error> {
        PublicKey::from_spki_der(&self.spki).map_err(|_| X509Error::Unsupported)
    }

    /// The content of the serial number: big-endian, as written. AMD's certificates have the one byte 0.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The issuer's distinguished name, DER.
    #[must_use]
    pub fn issuer_raw(&self) -> &[u8] {
        &self.issuer.raw
    }

    /// The subject's distinguished name, DER.
    #[must_use]
    pub fn subject_raw(&self) -> &[u8] {
        &self.subject.raw
    }

    /// The issuer's first common name.
    #[must_use]
    pub fn issuer_cn(&self) -> Option<&str> {
        self.issuer.common_name.as_deref()
    }

    /// The subject's first common name.
    #[must_use]
    pub fn subject_cn(&self) -> Option<&str> {
        self.subject.common_name.as_deref()
    }

    /// First second of validity.
    #[must_use]
    pub fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// Last second of validity.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// Whether `now` lies within the validity.
    #[must_use]
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Subject alternative names.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Value of the extension with the dotted `oid`.
    #[must_use]
    pub fn extension(&self, oid: &str) -> Option<&[u8]> {
        self.extensions
            .iter()
            .find(|extension| extension.oid == oid)
            .map(|extension| extension.value.as_slice())
    }

    /// Dotted OIDs of the critical extensions: who validates a path has to understand each (RFC 5280 §4.2).
    pub fn critical_extensions(&self) -> impl Iterator<Item = &str> {
        let critical = self.extensions.iter().filter(|extension| extension.critical);
        critical.map(|extension| extension.oid.as_str())
    }

    /// Whether basic constraints say that this is a certification authority.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.is_ca
    }

    /// How many authorities may stand between this one and a leaf; `None` is no limit.
    #[must_use]
    pub fn path_length(&self) -> Option<u32> {
        self.path_length
    }

    /// What the key may be used for; `None` where the certificate does not say.
    #[must_use]
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.key_usage
    }

    /// Whether the key may sign certificates: an authority's, and key usage, where given, says so.
    #[must_use]
    pub fn allows_cert_sign(&self) -> bool {
        self.is_ca && self.key_usage.is_none_or(KeyUsage::key_cert_sign)
    }

    /// Whether the key may sign revocation lists: key usage, where given, says so.
    #[must_use]
    pub fn allows_crl_sign(&self) -> bool {
        self.key_usage.is_none_or(KeyUsage::crl_sign)
    }

    /// Dotted OIDs of the extended key usages; `None` where the certificate does not say.
    #[must_use]
    pub fn extended_key_usages(&self) -> Option<&[String]> {
        self.extended_key_usages.as_deref()
    }

    /// Checks that `issuer` signed this certificate. Names, usages and validity are the caller's to check.
    ///
    /// # Errors
    /// [`X509Error::Unsupported`], [`X509Error::BadSignature`]; [`X509Error::Malformed`] when the two places that name
    /// the algorithm disagree.
    pub fn verify_signature_by(&self, issuer: &VerifyingKey) -> Result<(), X509Error> {
        self.verify_signature_by_key(&issuer.clone().into())
    }

    /// As [`Self::verify_signature_by`], for a key of either kind.
    ///
    /// # Errors
    /// As [`Self::verify_signature_by`].
    pub fn verify_signature_by_key(&self, issuer: &PublicKey) -> Result<(), X509Error> {
        let certificate = parse_der(&self.der)?;
        let signed = &certificate.tbs_certificate;
        if !signature::algorithms_agree(&self.der) {
            return Err(X509Error::Malformed);
        }
        signature::verify_signed(
            issuer,
            &signed.signature,
            signed.as_ref(),
            &certificate.signature_value,
        )
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Certificate({:?}, {})",
            self.subject.common_name,
            crate::digest::sha256(&self.der)
        )
    }
}

/// PEM with line feeds, as OpenSSL and Go write it.
#[must_use]
pub fn encode_pem(block: &pem::Pem) -> String {
    pem::encode_config(
        block,
        pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
    )
}

/// A PKCS#8 private key (DER) as PEM (`PRIVATE KEY`), wiped when dropped.
#[must_use]
pub fn private_key_pem(pkcs8: &[u8]) -> zeroize::Zeroizing<String> {
    let block = pem::Pem::new("PRIVATE KEY", pkcs8.to_vec());
    let text = zeroize::Zeroizing::new(encode_pem(&block));
    crate::secret::wipe(&mut block.into_contents());
    text
}

/// A DER SubjectPublicKeyInfo as PEM (`PUBLIC KEY`).
#[must_use]
pub fn public_key_pem(spki: &[u8]) -> String {
    encode_pem(&pem::Pem::new("PUBLIC KEY", spki.to_vec()))
}

/// The content of the first PEM `PUBLIC KEY` block.
///
/// # Errors
/// [`X509Error::NoPem`].
pub fn parse_public_key_pem(text: &str) -> Result<Vec<u8>, X509Error> {
    let blocks = pem::parse_many(text).map_err(|_| X509Error::NoPem)?;
    let block = blocks.into_iter().find(|block| block.tag() == "PUBLIC KEY");
    Ok(block.ok_or(X509Error::NoPem)?.into_contents())
}

fn parse_der(der: &[u8]) -> Result<X509Certificate<'_>, X509Error> {
    if der.len() > DER_BYTES_MAX {
        return Err(X509Error::TooLong);
    }
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| X509Error::Malformed)?;
    if rest.is_empty() {
        Ok(certificate)
    } else {
        Err(X509Error::Malformed)
    }
}

impl Name {
    fn read(name: &X509Name<'_>) -> Self {
        Self {
            raw: name.as_raw().to_vec(),
            common_name: name
                .iter_common_name()
                .next()
                .and_then(|name| name.as_str().ok())
                .map(str::to_owned),
        }
    }
}

/// Basic constraints, key usages and name constraints.
fn is_restriction(oid: &str) -> bool {
    matches!(
        oid,
        "2.5.29.15" | "2.5.29.19" | "2.5.29.30" | "2.5.29.37" | "2.5.29.17"
    )
}

fn read_names(names: &[GeneralName<'_>]) -> Result<Names, X509Error> {
    let mut read = Names::default();
    for name in names {
        match name {
            GeneralName::DNSName(name) => read.dns.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => read.ip.push(read_ip(bytes)?),
            _ => {}
        }
    }
    Ok(read)
}

fn read_ip(bytes: &[u8]) -> Result<IpAddr, X509Error> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .map_err(|_| X509Error::Malformed)
}

fn seconds(timestamp: i64) -> UnixTime {
    UnixTime(u64::try_from(timestamp).unwrap_or(0))
}
