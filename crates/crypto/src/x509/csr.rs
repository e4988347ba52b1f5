//! Certificate requests (RFC 2986).

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

use super::signature::verify_signed;
use super::{DER_BYTES_MAX, Names, X509Error, read_names};
use crate::sign::VerifyingKey;

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
            &key.clone().into(),
            &request.signature_algorithm,
            info.raw,
            &request.signature_value,
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
