//! Keeping what vendors sign about platforms, and saying what is kept.

use strongroom_api::coordinator::bytes::Hex32;
use strongroom_api::coordinator::problem::Code;
use strongroom_api::coordinator::v3;
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::Digest32;
use strongroom_manifest::access::AddEndorsements as Right;

use super::{Asker, Coordinator, Failure};
use crate::endorsement::Endorsement;
use crate::state::Command;
use crate::state::command::AddEndorsement;

impl Coordinator {
    /// Keeps one endorsement. It is used in every verification from then on.
    ///
    /// # Errors
    /// [`Failure`]; then nothing changed.
    pub async fn add_endorsement(
        &self,
        asker: &Asker,
        bytes: Vec<u8>,
    ) -> Result<(Digest32, LogHead), Failure> {
        let denied = || format!("user {} is not allowed to add endorsements", asker.user());
        let permit = self.permit(asker, "add_endorsement", Right, denied).await?;
        let endorsement = Endorsement::read(bytes)
            .map_err(|error| Failure::request(Code::EndorsementMalformed, error.to_string()))?;
        let (digest, kind) = (endorsement.digest(), endorsement.kind());
        let command = Command::AddEndorsement(Box::new(AddEndorsement {
            revision: asker.revision(),
            endorsement,
        }));
        let view = self.writer.submit(asker.log_actor(), command).await?;
        tracing::info!(user = %permit.user(), %digest, kind = kind.as_str(), "endorsement added");
        Ok((digest, view.head))
    }

    /// What is kept. For users of the manifest: certificates name machines.
    pub fn endorsements(&self, _: &Asker) -> v3::Endorsements {
        let view = self.view();
        let endorsed = view.deployment.as_ref().map(|deployment| &deployment.endorsed);
        let describe = |file: &Endorsement| v3::Endorsement {
            digest: Hex32(*file.digest().as_bytes()),
            kind: file.kind().as_str().to_owned(),
            bytes: file.bytes().len() as u64,
            subject: file.subject().map(str::to_owned),
            valid_from: file.from().0,
            valid_until: file.until().map(|until| until.0),
        };
        v3::Endorsements {
            endorsements: endorsed
                .map(|endorsed| endorsed.files().values().map(|file| describe(file)).collect())
                .unwrap_or_default(),
            evaluation_floors: endorsed
                .map(|endorsed| endorsed.floors().clone())
                .unwrap_or_default(),
        }
    }
}
