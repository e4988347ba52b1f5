//! Keeping what vendors sign about platforms, and saying what is kept.

use strongroom_api::coordinator::bytes::Hex32;
use strongroom_api::coordinator::problem::Code;
use strongroom_api::coordinator::v3;
use strongroom_attest::platform::dcap::vouched_evaluation;
use strongroom_attest::{Platform, Roots};
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::Digest32;
use strongroom_manifest::access::AddEndorsements as Right;
use strongroom_manifest::{Manifest, Package};

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
        // What nobody vouches for must not raise a floor: it could never be lowered again.
        let view = self.view();
        let (_, manifest) = view.running()?;
        if !is_vouched_for(&endorsement, &manifest.manifest) {
            let message = "no accepted root vouches for the TCB information in it";
            return Err(Failure::request(Code::EndorsementRoot, message));
        }
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

/// Whether its evaluation number, if it has one, is Intel's word, or that of a root which the manifest names.
fn is_vouched_for(endorsement: &Endorsement, manifest: &Manifest) -> bool {
    let Some((family, number)) = endorsement.evaluation() else {
        return true;
    };
    let intel = Roots::none()
        .with_vendor(Platform::Sgx)
        .with_vendor(Platform::Tdx);
    let packages = manifest.packages().values().flat_map(Package::reference_values);
    let roots = packages.fold(intel, |roots, values| roots.and(values.roots()));
    let text = std::str::from_utf8(endorsement.bytes()).unwrap_or_default();
    vouched_evaluation(text, &roots).is_some_and(|(of, found)| of.to_string() == family && found == number)
}
