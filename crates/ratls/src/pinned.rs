//! A coordinator that was verified before: it presents its root certificate, which the trust file pins to the byte.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use strongroom_crypto::x509::Certificate;

use crate::error::IdentityError;
use crate::verifier::{Signatures, refused};

/// Accepts the server that presents exactly this certificate and holds its key. Names do not matter: the certificate
/// itself was verified, by evidence that names it.
#[derive(Debug, Clone)]
pub struct PinnedRoot {
    root: Arc<Certificate>,
    signatures: Signatures,
}

impl PinnedRoot {
    /// Accepts the holder of `root` only.
    #[must_use]
    pub fn new(root: Certificate) -> Self {
        Self {
            root: Arc::new(root),
            signatures: Signatures::new(),
        }
    }
}

impl ServerCertVerifier for PinnedRoot {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if end_entity.as_ref() != self.root.der() {
            return Err(refused(IdentityError::NotPinned));
        }
        if !self
            .root
            .is_valid_at(strongroom_crypto::time::UnixTime(now.as_secs()))
        {
            let sentence = format!(
                "it is valid from {} to {}",
                self.root.not_before(),
                self.root.not_after()
            );
            return Err(refused(IdentityError::Certificate(sentence)));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.tls12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.tls13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.schemes()
    }
}
