//! `strongroom.v1.Marble`: evidence of the coordinator, and renewal.

use std::sync::Arc;

use strongroom_api::marble::{EvidenceRequest, EvidenceResponse, Marble, RenewRequest, RenewResponse};
use tonic::{Request, Response, Status};

use super::connection;
use crate::app::Coordinator;
use crate::app::session::MarbleRequest;

pub(super) struct Service(pub(super) Arc<Coordinator>);

#[tonic::async_trait]
impl Marble for Service {
    async fn evidence(
        &self,
        request: Request<EvidenceRequest>,
    ) -> Result<Response<EvidenceResponse>, Status> {
        let connection = connection(&request)?;
        let made = self.0.evidence(&connection, &request.into_inner().nonce).await?;
        Ok(Response::new(EvidenceResponse {
            evidence: made.evidence,
            root_certificate: made.root_certificate,
            phase: made.phase.to_owned(),
            manifest_digest: made
                .manifest_digest
                .map(|digest| digest.as_bytes().to_vec())
                .unwrap_or_default(),
            log_epoch: made.log_head.epoch,
            log_size: made.log_head.size,
            log_hash: made.log_head.hash.as_bytes().to_vec(),
        }))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        let connection = connection(&request)?;
        let RenewRequest {
            evidence,
            csr,
            marble_type,
            uuid,
        } = request.into_inner();
        let request = MarbleRequest {
            evidence,
            csr,
            marble_type,
            uuid,
        };
        let renewed = self.0.renew(&connection, request).await?;
        Ok(Response::new(RenewResponse {
            certificate_chain: renewed.certificate_chain.into_bytes(),
            marble_root: renewed.marble_root.into_bytes(),
            coordinator_root: renewed.coordinator_root.into_bytes(),
        }))
    }
}
