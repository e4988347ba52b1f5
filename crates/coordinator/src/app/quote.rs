//! MarbleRun's `GET /quote`: evidence over the root certificate and a nonce. Bound to no connection, so nothing of ours
//! trusts it; it is there for others.

use std::sync::PoisonError;

use strongroom_api::coordinator::problem::Code;
use strongroom_crypto::digest::{Digest32, Sha256};

use super::{Coordinator, Failure};

/// Largest nonce that is taken, in bytes.
pub const NONCE_BYTES_MAX: usize = 1024;

/// The quote without a nonce, and the root certificate that it is over.
pub(super) struct Cached {
    root: Digest32,
    quote: Vec<u8>,
}

/// Certificates and evidence.
#[derive(Debug)]
pub struct Quote {
    /// PEM of the intermediate, then of the root.
    pub certificates: String,
    /// The evidence.
    pub quote: Vec<u8>,
}

impl Coordinator {
    /// Evidence over SHA-256(root certificate ‖ nonce); without a nonce it is made once.
    ///
    /// # Errors
    /// [`Failure`] when the platform gives none.
    pub async fn quote(&self, nonce: &[u8]) -> Result<Quote, Failure> {
        if nonce.len() > NONCE_BYTES_MAX {
            let message = format!("invalid query: nonce is longer than {NONCE_BYTES_MAX} bytes");
            return Err(Failure::request(Code::LimitBody, message));
        }
        let view = self.view();
        let authority = &view.authority;
        let mut hash = Sha256::new();
        hash.update(authority.root().der());
        hash.update(nonce);
        let digest = hash.finish();
        let certificates = authority.intermediate().to_pem() + &authority.root().to_pem();
        if nonce.is_empty()
            && let Some(cached) = &*self.quote.lock().unwrap_or_else(PoisonError::into_inner)
            && cached.root == digest
        {
            return Ok(Quote {
                certificates,
                quote: cached.quote.clone(),
            });
        }
        let mut report_data = [0; 64];
        report_data[..32].copy_from_slice(digest.as_bytes());
        let quote = self.collect(&report_data).await?.to_bytes();
        if nonce.is_empty() {
            let cached = Cached {
                root: digest,
                quote: quote.clone(),
            };
            *self.quote.lock().unwrap_or_else(PoisonError::into_inner) = Some(cached);
        }
        Ok(Quote { certificates, quote })
    }

    pub(super) async fn collect(
        &self,
        report_data: &[u8; 64],
    ) -> Result<strongroom_attest::Evidence, Failure> {
        let _turn = self.evidence_slots.turn().await?;
        self.attester.evidence(report_data, None).await.map_err(|error| {
            tracing::error!(
                code = error.code(),
                error = &error as &dyn std::error::Error,
                "no evidence"
            );
            Failure::server(Code::EvidenceUnavailable, "the platform could not make evidence")
        })
    }
}
