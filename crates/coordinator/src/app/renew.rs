//! New certificates for a marble that was activated before: fresh evidence, the same UUID, a new request, checked against
//! the manifest in force now. Certificates only; no secret leaves.

use std::sync::Arc;

use strongroom_crypto::digest::sha256;
use strongroom_crypto::x509::Certificate;
use strongroom_manifest::{Refusal as Appraisal, RenewalGrant};
use strongroom_service::ConnectionInfo;

use super::activate::Refused;
use super::render;
use super::session::{self, MarbleFailure, MarbleRequest, Session, Verifier, attest};
use super::{Coordinator, blocking};
use crate::pki::Leaf;
use crate::state::command::Renew;
use crate::state::{Command, Refusal};
use crate::writer::View;

const ATTEMPTS_MAX: usize = 3;

/// What a renewed marble gets.
#[derive(Debug)]
pub struct Renewed {
    /// PEM of leaf and intermediate.
    pub certificate_chain: String,
    /// PEM of the marble root.
    pub marble_root: String,
    /// PEM of the coordinator's root.
    pub coordinator_root: String,
}

struct Prepared {
    grant: RenewalGrant,
    uuid: String,
    leaf: Certificate,
}

impl Coordinator {
    /// Renews a marble's certificate. A refusal is final: the workload drains.
    ///
    /// # Errors
    /// [`MarbleFailure`].
    pub async fn renew(
        self: &Arc<Self>,
        connection: &ConnectionInfo,
        request: MarbleRequest,
    ) -> Result<Renewed, MarbleFailure> {
        let outcome = self.try_renew(connection, &request).await;
        if let Err(failure) = &outcome {
            let (code, remote) = (failure.code, connection.remote);
            tracing::warn!(code, marble_type = ?request.marble_type, %remote, reason = failure.message, "renewal refused");
        }
        outcome
    }

    async fn try_renew(
        self: &Arc<Self>,
        connection: &ConnectionInfo,
        request: &MarbleRequest,
    ) -> Result<Renewed, MarbleFailure> {
        for _ in 0..ATTEMPTS_MAX {
            let _turn = self.marble_slots.turn().await.map_err(MarbleFailure::busy)?;
            let view = self.view();
            view.running()?;
            view.check_time(self.now())?;
            let session = Session::of(connection)?;
            let (this, asked) = (self.clone(), request.clone());
            let prepared = blocking(move || this.prepare_renewal(&view, &session, &asked))
                .await
                .map_err(|failure| MarbleFailure::internal(failure.message))?;
            let Prepared { grant, uuid, leaf } = match prepared {
                Ok(prepared) => prepared,
                Err(refused) => return Err(self.record(refused).await),
            };
            let actor = session::log_actor(grant.marble(), &uuid);
            let (certificate, not_after) = (sha256(leaf.der()), leaf.not_after());
            let command = Command::Renew(Box::new(Renew {
                grant,
                uuid,
                certificate,
                not_after,
            }));
            let committed = match self.writer.submit(actor.clone(), command).await {
                Ok(committed) => committed,
                Err(Refusal::Stale) => continue,
                Err(refusal @ Refusal::NotActivated { .. }) => {
                    self.record_refusal(actor, "renew", refusal.code()).await;
                    return Err(refusal.into());
                }
                Err(refusal) => return Err(refusal.into()),
            };
            let authority = &committed.authority;
            return Ok(Renewed {
                certificate_chain: leaf.to_pem() + &authority.intermediate().to_pem(),
                marble_root: authority.marble_root().to_pem(),
                coordinator_root: authority.root().to_pem(),
            });
        }
        Err(Refusal::Stale.into())
    }

    fn prepare_renewal(
        &self,
        view: &View,
        session: &Session,
        request: &MarbleRequest,
    ) -> Result<Prepared, Refused> {
        let (deployment, manifest) = view.running().map_err(MarbleFailure::from)?;
        let manifest = &manifest.manifest;
        let now = self.now().unix();
        let endorsements = self.endorsements_of(deployment);
        let verifier = Verifier {
            endorsements: &endorsements,
            enrolment: self.enrolments.authority(),
            now,
        };
        let attested = attest(session, request, manifest, &verifier)?;
        let marble_type = attested.marble_type;
        let grant = manifest
            .authorize_renewal(attested.verified, &marble_type, deployment.revision)
            .map_err(|refusal| match &refusal {
                Appraisal::Evidence(error) => MarbleFailure::quote(error.code().as_str(), error),
                _ => MarbleFailure::denied(refusal.code(), &refusal),
            })?;
        let known = |failure: MarbleFailure| Refused {
            known: Some(session::log_actor(&marble_type, &request.uuid)),
            failure,
        };
        let uuid = session::canonical_uuid(&request.uuid).map_err(known)?;
        let (csr, names) =
            session::certificate_request(&request.csr, manifest, &marble_type).map_err(known)?;
        let valid_seconds = render::leaf_seconds(manifest);
        let leaf = Leaf {
            uuid: &uuid,
            marble_type: marble_type.as_str(),
            names,
            valid_seconds,
        };
        let leaf = deployment
            .authority
            .leaf(leaf, csr.spki_der(), now, &*self.random)
            .map_err(|error| {
                MarbleFailure::internal(format!("generating marble authentication secrets: {error}"))
            })?;
        Ok(Prepared { grant, uuid, leaf })
    }
}
