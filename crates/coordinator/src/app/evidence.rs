//! A5: evidence of the coordinator itself, collected after the handshake and bound to the connection on which it leaves.

use strongroom_api::coordinator::problem::Code;
use strongroom_attest::{Binding, CoordinatorBinding, LogHead};
use strongroom_crypto::digest::Digest32;
use strongroom_service::ConnectionInfo;

use super::{Coordinator, Failure};

/// Evidence, and everything that it is bound to.
#[derive(Debug)]
pub struct CoordinatorEvidence {
    /// The evidence, in our envelope.
    pub evidence: Vec<u8>,
    /// The root certificate, DER.
    pub root_certificate: Vec<u8>,
    /// The phase.
    pub phase: &'static str,
    /// The manifest in force.
    pub manifest_digest: Option<Digest32>,
    /// Where the log stands.
    pub log_head: strongroom_crypto::chain::LogHead,
}

impl Coordinator {
    /// Proves to whoever is at the other end of `connection` what runs here. Served in every phase.
    ///
    /// # Errors
    /// [`Failure`] for a nonce of another length, a connection that nothing can be bound to, a platform that gives none.
    pub async fn evidence(
        &self,
        connection: &ConnectionInfo,
        nonce: &[u8],
    ) -> Result<CoordinatorEvidence, Failure> {
        let nonce: [u8; 32] = nonce
            .try_into()
            .map_err(|_| Failure::request(Code::EvidenceNonce, "the nonce must have 32 bytes"))?;
        let exporter = connection
            .exporter
            .ok_or_else(|| Failure::request(Code::EvidenceChannel, "evidence is given over TLS 1.3 only"))?;
        let view = self.view();
        let root_certificate = view.authority.root().der().to_vec();
        let phase = view.phase.as_str();
        let manifest_digest = view.manifest_digest();
        let log_head = view.head;
        let binding = Binding::Coordinator(CoordinatorBinding {
            nonce,
            exporter,
            root_certificate: root_certificate.clone(),
            phase: phase.to_owned(),
            manifest_digest,
            log_head: LogHead {
                epoch: log_head.epoch,
                size: log_head.size,
                hash: log_head.hash,
            },
        });
        let evidence = self.collect(&binding.report_data()).await?.to_bytes();
        Ok(CoordinatorEvidence {
            evidence,
            root_certificate,
            phase,
            manifest_digest,
            log_head,
        })
    }
}
