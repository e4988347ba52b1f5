//! What one end of a TLS connection presents: a certificate chain and the key that goes with it.

use std::fmt;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::Certificate;

use crate::error::TlsConfigError;
use crate::verifier::provider;

/// A certificate chain, leaf first, with its key. Clones share both.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// An identity of a chain, leaf first, and the leaf's key.
    ///
    /// # Errors
    /// [`TlsConfigError`].
    pub fn new(chain: &[Certificate], key: &SigningKey) -> Result<Self, TlsConfigError> {
        let chain = chain
            .iter()
            .map(|certificate| CertificateDer::from(certificate.der().to_vec()))
            .collect();
        let key = PrivatePkcs8KeyDer::from(key.to_pkcs8_der().to_vec());
        Self::of(chain, key.into())
    }

    /// An identity of PEM text: a chain, leaf first, and a private key of any kind that TLS knows.
    ///
    /// # Errors
    /// [`TlsConfigError`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsConfigError::Key)?;
        Self::of(chain.map_err(|_| TlsConfigError::Chain)?, key)
    }

    fn of(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsConfigError> {
        if chain.is_empty() {
            return Err(TlsConfigError::Chain);
        }
        let key = provider()
            .key_provider
            .load_private_key(key)
            .map_err(|_| TlsConfigError::Key)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(|_| TlsConfigError::OtherKey)?;
        Ok(Self(Arc::new(certified)))
    }

    /// The leaf certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        self.0.cert.first().expect("an identity has at least its leaf")
    }

    /// The identity as TLS takes it, for resolvers.
    #[must_use]
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Identity({})",
            strongroom_crypto::digest::sha256(self.certificate())
        )
    }
}
