//! Setting values of user-defined secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_api::coordinator::problem::Code;
use strongroom_crypto::chain::LogHead;
use strongroom_crypto::digest::Digest32;
use strongroom_manifest::access::WriteSecrets as Right;
use strongroom_manifest::{SecretName, Upload};

use super::{Asker, Coordinator, Failure};
use crate::state::command::WriteSecrets;
use crate::state::{Command, Refusal};

/// Most secrets in one request.
pub const SECRETS_MAX: usize = 256;

impl Coordinator {
    /// Sets secrets, all or none. A writer who verified a manifest says which: another one in force refuses.
    ///
    /// # Errors
    /// [`Failure`]; then nothing changed.
    pub async fn write_secrets(
        &self,
        asker: &Asker,
        verified: Option<Digest32>,
        uploads: BTreeMap<SecretName, Upload>,
    ) -> Result<LogHead, Failure> {
        if uploads.len() > SECRETS_MAX {
            return Err(Failure::limit(
                Code::LimitItems,
                format!("more than {SECRETS_MAX} secrets in one request"),
            ));
        }
        let view = self.view();
        let (_, manifest) = view.running()?;
        if verified.is_some_and(|verified| verified != manifest.digest()) {
            return Err(Refusal::ManifestChanged.into());
        }
        let values = manifest
            .manifest
            .check_upload(uploads)
            .map_err(|error| Failure::server(Code::SecretInvalid, format!("parsing new secrets: {error}")))?;
        let names: Vec<SecretName> = values.keys().cloned().collect();
        let first = names.first().map(ToString::to_string).unwrap_or_default();
        let denied = || format!("user {} is not allowed to update secret: {first}", asker.user());
        let permit = self.permit(asker, "write_secret", Right(names), denied).await?;
        let values = values
            .into_iter()
            .map(|(name, value)| (name, Arc::new(value)))
            .collect();
        let command = Command::WriteSecrets(WriteSecrets {
            revision: asker.revision(),
            manifest: verified,
            values,
        });
        let view = self.writer.submit(asker.log_actor(), command).await?;
        let (user, Right(names)) = permit.into_parts();
        for name in names {
            tracing::info!(%user, secret = %name, "secret set");
        }
        Ok(view.head)
    }
}
