//! Certificate revocation lists (RFC 5280 §5): complete lists of one issuer, for all its certificates.

use std::collections::BTreeSet;
use std::fmt;

use x509_parser::extensions::X509Extension;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::signature::{algorithms_agree, verify_signed};
use super::{X509Error, seconds};
use crate::der;
use crate::sign::PublicKey;
use crate::time::UnixTime;

/// Largest list that is read, in bytes.
pub const CRL_BYTES_MAX: usize = 1024 * 1024;

const PEM_TAG: &str = "X509 CRL";

/// One list: its DER bytes, and the fields read from them once. Nothing in it holds before its signature is checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Crl {
    der: Vec<u8>,
    issuer: Vec<u8>,
    this_update: UnixTime,
    next_update: Option<UnixTime>,
    /// Without leading zeros.
    revoked: BTreeSet<Vec<u8>>,
}

impl Crl {
    /// Reads one DER list.
    ///
    /// # Errors
    /// [`X509Error::Malformed`], [`X509Error::TooLong`], and [`X509Error::CriticalExtension`] for lists that cover
    /// other certificates than all of their issuer's: partial, indirect and delta lists say so in such an extension.
    pub fn parse(der: &[u8]) -> Result<Self, X509Error> {
        let list = parse_der(der)?;
        refuse_critical(list.extensions())?;
        let mut revoked = BTreeSet::new();
        for entry in list.iter_revoked_certificates() {
            refuse_critical(entry.extensions())?;
            revoked.insert(der::trim(entry.raw_serial()).to_vec());
        }
        Ok(Self {
            der: der.to_vec(),
            issuer: list.issuer().as_raw().to_vec(),
            this_update: seconds(list.last_update().timestamp()),
            next_update: list.next_update().map(|time| seconds(time.timestamp())),
            revoked,
        })
    }

    /// Reads the first PEM `X509 CRL` block.
    ///
    /// # Errors
    /// [`X509Error::NoPem`], and those of [`Self::parse`].
    pub fn parse_pem(text: &str) -> Result<Self, X509Error> {
        let blocks = pem::parse_many(text).map_err(|_| X509Error::NoPem)?;
        let block = blocks.iter().find(|block| block.tag() == PEM_TAG);
        Self::parse(block.ok_or(X509Error::NoPem)?.contents())
    }

    /// Reads all PEM `X509 CRL` blocks, in order.
    ///
    /// # Errors
    /// [`X509Error::NoPem`] for text that is no PEM, and those of [`Self::parse`] for the first block that cannot be read.
    pub fn parse_pem_all(text: &str) -> Result<Vec<Self>, X509Error> {
        let blocks = pem::parse_many(text).map_err(|_| X509Error::NoPem)?;
        let blocks = blocks.iter().filter(|block| block.tag() == PEM_TAG);
        blocks.map(|block| Self::parse(block.contents())).collect()
    }

    /// The list as it was read.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The issuer's distinguished name, DER.
    #[must_use]
    pub fn issuer_raw(&self) -> &[u8] {
        &self.issuer
    }

    /// When the list was made.
    #[must_use]
    pub fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// When the next list is due, at the latest.
    #[must_use]
    pub fn next_update(&self) -> Option<UnixTime> {
        self.next_update
    }

    /// Whether the list revokes the certificate with this serial number (big-endian; leading zeros do not matter).
    #[must_use]
    pub fn is_revoked(&self, serial: &[u8]) -> bool {
        self.revoked.contains(der::trim(serial))
    }

    /// How many certificates the list revokes.
    #[must_use]
    pub fn revoked_count(&self) -> usize {
        self.revoked.len()
    }

    /// Checks that `issuer` signed this list. Names, usages and times are the caller's to check.
    ///
    /// # Errors
    /// As [`Certificate::verify_signature_by`](super::Certificate::verify_signature_by).
    pub fn verify_signature_by_key(&self, issuer: &PublicKey) -> Result<(), X509Error> {
        let list = parse_der(&self.der)?;
        let signed = &list.tbs_cert_list;
        if !algorithms_agree(&self.der) {
            return Err(X509Error::Malformed);
        }
        verify_signed(issuer, &signed.signature, signed.as_ref(), &list.signature_value)
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Crl({} revoked, {}, {})",
            self.revoked.len(),
            self.this_update,
            crate::digest::sha256(&self.der)
        )
    }
}

fn parse_der(der: &[u8]) -> Result<CertificateRevocationList<'_>, X509Error> {
    if der.len() > CRL_BYTES_MAX {
        return Err(X509Error::TooLong);
    }
    let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| X509Error::Malformed)?;
    if rest.is_empty() {
        Ok(list)
    } else {
        Err(X509Error::Malformed)
    }
}

/// Authority key identifiers, numbers and reasons, which lists of the ordinary kind have, are never critical.
fn refuse_critical(extensions: &[X509Extension<'_>]) -> Result<(), X509Error> {
    if extensions.iter().any(|extension| extension.critical) {
        Err(X509Error::CriticalExtension)
    } else {
        Ok(())
    }
}
