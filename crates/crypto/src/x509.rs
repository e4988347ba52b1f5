//! X.509 certificates and requests (RFC 5280, RFC 2986): reading and checking. Making them is `issue`'s business.

use std::fmt;
use std::net::IpAddr;

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::AlgorithmIdentifier;

use crate::sign::{Curve, VerifyingKey};
use crate::time::UnixTime;

/// Largest certificate or request that is read, in bytes: far above real ones, far below what could exhaust memory.
pub const DER_BYTES_MAX: usize = 64 * 1024;

/// A certificate or request cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum X509Error {
    /// The bytes are no DER certificate or request, or others follow it.
    #[error("malformed certificate or certificate request")]
    Malformed,
    /// The input is longer than [`DER_BYTES_MAX`].
    #[error("certificate or certificate request longer than {DER_BYTES_MAX} bytes")]
    TooLong,
    /// The PEM has no certificate first.
    #[error("no PEM certificate found")]
    NoPem,
    /// Another algorithm than ECDSA on P-256 or P-384, with the hash that goes with the curve.
    #[error("unsupported key or signature algorithm")]
    Unsupported,
    /// The signature is not the issuer's.
    #[error("the signature does not verify")]
    BadSignature,
}

/// One certificate: its DER bytes, and the fields read from them once.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    spki: Vec<u8>,
    common_name: Option<String>,
    not_before: UnixTime,
    not_after: UnixTime,
    names: Names,
    extensions: Vec<(String, Vec<u8>)>,
    is_ca: bool,
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
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| X509Error::Malformed)?
            .map(|names| read_names(&names.value.general_names))
            .transpose()?
            .unwrap_or_default();
        let is_ca = certificate
            .basic_constraints()
            .map_err(|_| X509Error::Malformed)?
            .is_some_and(|constraints| constraints.value.ca);
        let extensions = certificate
            .extensions()
            .iter()
            .map(|extension| (extension.oid.to_id_string(), extension.value.to_vec()))
            .collect();
        Ok(Self {
            der: der.to_vec(),
            spki: certificate.public_key().raw.to_vec(),
            common_name: certificate
                .subject()
                .iter_common_name()
                .next()
                .and_then(|name| name.as_str().ok())
                .map(str::to_owned),
            not_before: seconds(certificate.validity().not_before.timestamp()),
            not_after: seconds(certificate.validity().not_after.timestamp()),
            names,
            extensions,
            is_ca,
        })
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

    /// The subject's first common name.
    #[must_use]
    pub fn subject_cn(&self) -> Option<&str> {
        self.common_name.as_deref()
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
            .find(|(id, _)| id == oid)
            .map(|(_, value)| value.as_slice())
    }

    /// Whether basic constraints say that this is a certification authority.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.is_ca
    }

    /// Checks that `issuer` signed this certificate. Names and validity are the caller's to check.
    ///
    /// # Errors
    /// [`X509Error::Unsupported`], [`X509Error::BadSignature`].
    pub fn verify_signature_by(&self, issuer: &VerifyingKey) -> Result<(), X509Error> {
        let certificate = parse_der(&self.der)?;
        let signed = certificate.tbs_certificate.as_ref();
        verify_signed(
            issuer,
            &certificate.signature_algorithm,
            signed,
            &certificate.signature_value.data,
        )
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Certificate({:?}, {})",
            self.common_name,
            crate::digest::sha256(&self.der)
        )
    }
}

/// A certificate request whose signature was checked: who asks holds the key.
#[derive(Debug, Clone)]
pub struct Csr {
    spki: Vec<u8>,
    names: Names,
}

impl Csr {
    /// Reads a DER request and checks its signature with the key inside.
    ///
    /// # Errors
    /// [`X509Error`].
    pub fn parse_and_verify(der: &[u8]) -> Result<Self, X509Error> {
        if der.len() > DER_BYTES_MAX {
            return Err(X509Error::TooLong);
        }
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| X509Error::Malformed)?;
        if !rest.is_empty() {
            return Err(X509Error::Malformed);
        }
        let info = &request.certification_request_info;
        let key = VerifyingKey::from_spki_der(info.subject_pki.raw).map_err(|_| X509Error::Unsupported)?;
        verify_signed(
            &key,
            &request.signature_algorithm,
            info.raw,
            &request.signature_value.data,
        )?;

        let mut names = Names::default();
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(asked) = extension {
                names = read_names(&asked.general_names)?;
            }
        }
        Ok(Self {
            spki: key.spki_der().to_vec(),
            names,
        })
    }

    /// The key that the request was signed with, as DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// Subject alternative names asked for: wishes of whoever wrote the request.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
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

fn verify_signed(
    key: &VerifyingKey,
    algorithm: &AlgorithmIdentifier<'_>,
    signed: &[u8],
    signature: &[u8],
) -> Result<(), X509Error> {
    // RFC 5758 §3.2: ecdsa-with-SHA256 and ecdsa-with-SHA384.
    let expected = match key.curve() {
        Curve::P256 => "1.2.840.10045.4.3.2",
        Curve::P384 => "1.2.840.10045.4.3.3",
    };
    if algorithm.algorithm.to_id_string() != expected {
        return Err(X509Error::Unsupported);
    }
    key.verify(signed, signature).map_err(|_| X509Error::BadSignature)
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
