//! A9–A13: evidence verified and appraised, secrets at hand, the event on stable storage, then the parameters.

use std::sync::Arc;

use strongroom_api::marble::Parameters;
use strongroom_crypto::digest::sha256;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::Certificate;
use strongroom_manifest::{ActivationGrant, Refusal as Appraisal};
use strongroom_service::ConnectionInfo;

use super::generate::{Maker, Values};
use super::render::{self, Made};
use super::session::{self, MarbleFailure, MarbleRequest, Session, Verifier, attest};
use super::{Coordinator, blocking};
use crate::pki::Leaf;
use crate::state::command::Activate;
use crate::state::{Command, Refusal, first_unset};
use crate::writer::View;

/// How often a decision is made anew because the manifest changed before it was committed.
const ATTEMPTS_MAX: usize = 3;

/// An activation that is allowed and made, and not committed yet.
struct Prepared {
    grant: ActivationGrant,
    uuid: String,
    leaf: Certificate,
    own: Option<(Certificate, SigningKey)>,
    values: Values,
}

impl Coordinator {
    /// Activates a workload.
    ///
    /// # Errors
    /// [`MarbleFailure`].
    pub async fn activate(
        self: &Arc<Self>,
        connection: &ConnectionInfo,
        request: MarbleRequest,
    ) -> Result<Parameters, MarbleFailure> {
        let outcome = self.try_activate(connection, &request).await;
        if let Err(failure) = &outcome {
            // A secret that is not set yet is asked for again and again: no refusal, and no news.
            if failure.code != "secret.unset" {
                let (code, remote) = (failure.code, connection.remote);
                tracing::warn!(code, marble_type = ?request.marble_type, %remote, reason = failure.message, "activation refused");
            }
        }
        outcome
    }

    async fn try_activate(
        self: &Arc<Self>,
        connection: &ConnectionInfo,
        request: &MarbleRequest,
    ) -> Result<Parameters, MarbleFailure> {
        for _ in 0..ATTEMPTS_MAX {
            let _turn = self.marble_slots.turn().await.map_err(MarbleFailure::busy)?;
            let view = self.view();
            view.running()?;
            view.check_time(self.now())?;
            let session = Session::of(connection)?;
            let (this, asked) = (self.clone(), request.clone());
            let prepared = blocking(move || this.prepare_activation(&view, &session, &asked))
                .await
                .map_err(|failure| MarbleFailure::internal(failure.message))?;
            let prepared = match prepared {
                Ok(prepared) => prepared,
                Err(refused) => return Err(self.record(refused).await),
            };
            let Prepared {
                grant,
                uuid,
                leaf,
                own,
                values,
            } = prepared;
            let actor = session::log_actor(grant.marble(), &uuid);
            let marble_type = grant.marble().clone();
            let (certificate, not_after) = (sha256(leaf.der()), leaf.not_after());
            let command = Command::Activate(Box::new(Activate {
                grant,
                uuid: uuid.clone(),
                certificate,
                not_after,
            }));
            // A12: the event is on stable storage before a secret leaves. After a crash we may have promised too much,
            // never released unrecorded.
            let committed = match self.writer.submit(actor.clone(), command).await {
                Ok(committed) => committed,
                Err(Refusal::Stale) => continue,
                Err(refusal @ Refusal::MaxActivations { .. }) => {
                    self.record_refusal(actor, "activate", refusal.code()).await;
                    return Err(refusal.into());
                }
                Err(refusal) => return Err(refusal.into()),
            };
            tracing::info!(marble_type = %marble_type, uuid, "marble activated");
            // A13: secrets are those of the state at the commit.
            let (deployment, manifest) = committed.running()?;
            let made = Made {
                leaf: &leaf,
                own: own.as_ref(),
                values: &values,
            };
            return render::parameters(deployment, &manifest.manifest, &marble_type, &made);
        }
        Err(Refusal::Stale.into())
    }

    fn prepare_activation(
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
        let attested = attest(session, request, manifest, &verifier)?; // A9: 1–7
        let marble_type = attested.marble_type;
        let activations = deployment.activations_of(&marble_type);
        let known = |failure: MarbleFailure| Refused {
            known: Some(session::log_actor(&marble_type, &request.uuid)),
            failure,
        };
        let grant = manifest
            .authorize(attested.verified, &marble_type, activations, deployment.revision) // A10: 8–14
            .map_err(|refusal| match &refusal {
                Appraisal::Evidence(error) => MarbleFailure::quote(error.code().as_str(), error).into(),
                Appraisal::MaxActivations { marble, max } => {
                    let (marble_type, max) = (marble.to_string(), *max);
                    known(Refusal::MaxActivations { marble_type, max }.into())
                }
                _ => MarbleFailure::denied(refusal.code(), &refusal).into(),
            })?;
        let uuid = session::canonical_uuid(&request.uuid).map_err(known)?;
        let (csr, names) =
            session::certificate_request(&request.csr, manifest, &marble_type).map_err(known)?;
        // A11: every secret is set.
        if let Some(name) = first_unset(
            deployment,
            view.running().map_err(MarbleFailure::from)?.1,
            &marble_type,
        ) {
            return Err(MarbleFailure::from(Refusal::SecretUnset(name)).into());
        }
        let authority = &deployment.authority;
        let valid_seconds = render::leaf_seconds(manifest);
        let certify = |spki: &[u8]| {
            let leaf = Leaf {
                uuid: &uuid,
                marble_type: marble_type.as_str(),
                names: names.clone(),
                valid_seconds,
            };
            authority.leaf(leaf, spki, now, &*self.random).map_err(|error| {
                MarbleFailure::internal(format!("generating marble authentication secrets: {error}"))
            })
        };
        let leaf = certify(csr.spki_der())?;
        let own = render::needs_own_key(manifest, &marble_type)
            .then(|| {
                let key = SigningKey::generate_p384();
                certify(key.spki_der()).map(|certificate| (certificate, key))
            })
            .transpose()?;
        let maker = Maker {
            authority,
            root_secret: &deployment.root_secret,
            random: &*self.random,
            now,
        };
        let values = maker
            .per_marble(manifest, &marble_type, &uuid)
            .map_err(|error| MarbleFailure::internal(format!("generating marble secrets: {error}")))?;
        // What cannot be rendered must not count as an activation.
        let made = Made {
            leaf: &leaf,
            own: own.as_ref(),
            values: &values,
        };
        render::parameters(deployment, manifest, &marble_type, &made)?;
        Ok(Prepared {
            grant,
            uuid,
            leaf,
            own,
            values,
        })
    }

    /// A refusal of a workload that proved itself is an event; of anybody else it is counted.
    pub(super) async fn record(&self, refused: Refused) -> MarbleFailure {
        match refused.known {
            Some(actor) => self.record_refusal(actor, "activate", refused.failure.code).await,
            None if refused.failure.code == "secret.unset" => {}
            None => self.count_refusal(refused.failure.code),
        }
        refused.failure
    }

    pub(super) async fn record_refusal(
        &self,
        actor: strongroom_api::coordinator::log::Actor,
        action: &'static str,
        code: &str,
    ) {
        let command = Command::Refused {
            action,
            code: code.to_owned(),
        };
        if let Err(refusal) = self.writer.submit(actor, command).await {
            tracing::warn!(code = refusal.code(), "a refusal could not be recorded");
        }
    }
}

/// A refusal, and who was refused where that is proven.
pub(super) struct Refused {
    pub(super) known: Option<strongroom_api::coordinator::log::Actor>,
    pub(super) failure: MarbleFailure,
}

impl From<MarbleFailure> for Refused {
    fn from(failure: MarbleFailure) -> Self {
        Self { known: None, failure }
    }
}
