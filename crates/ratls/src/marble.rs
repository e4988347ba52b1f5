//! Who may be at the other end of a channel to a workload: a marble of the type that was asked for, under the current
//! marble root, with the name that was asked for. All three; a name alone is the host's to choose.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use strongroom_crypto::x509::Certificate;

use crate::error::{IdentityError, TlsConfigError};
use crate::verifier::{Signatures, provider, refused};

/// The certificate extension that names a marble's type: its value is the type's bytes as they are (MarbleRun's form).
pub const MARBLE_TYPE_OID: &str = "1.3.9903.2.1";

/// Accepts a marble: chain to the marble root, type, name, and validity at the time of the handshake.
#[derive(Debug, Clone)]
pub struct MarbleVerifier {
    chain: Arc<WebPkiServerVerifier>,
    signatures: Signatures,
    marble_type: String,
}

impl MarbleVerifier {
    /// Accepts marbles of type `marble_type` under `marble_root`, the one that a verified coordinator names as current.
    ///
    /// # Errors
    /// [`TlsConfigError::Root`].
    pub fn new(marble_root: &Certificate, marble_type: &str) -> Result<Self, TlsConfigError> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(marble_root.der().to_vec()))
            .map_err(|_| TlsConfigError::Root)?;
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|_| TlsConfigError::Root)?;
        Ok(Self {
            chain,
            signatures: Signatures::new(),
            marble_type: marble_type.to_owned(),
        })
    }

    fn check_type(&self, leaf: &CertificateDer<'_>) -> Result<(), IdentityError> {
        let leaf = Certificate::parse(leaf).map_err(|error| IdentityError::Certificate(error.to_string()))?;
        let found = leaf.extension(MARBLE_TYPE_OID);
        if found == Some(self.marble_type.as_bytes()) {
            return Ok(());
        }
        let found = found.map(|found| String::from_utf8_lossy(found).into_owned());
        Err(IdentityError::MarbleType {
            expected: self.marble_type.clone(),
            found,
        })
    }
}

impl ServerCertVerifier for MarbleVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The marble root issues every marble's certificate itself. An authority below it can only come from a manifest's
        // certificate secret, and whoever holds that could name any type: so what the peer sends along is not looked at.
        let verified = self
            .chain
            .verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
            .map_err(|error| refused(IdentityError::Certificate(error.to_string())))?;
        self.check_type(end_entity).map_err(refused)?;
        Ok(verified)
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
