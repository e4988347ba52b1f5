//! Handing values of secrets to users who may read them.

use std::sync::Arc;

use strongroom_api::coordinator::problem::Code;
use strongroom_manifest::access::ReadSecrets as Right;
use strongroom_manifest::{Secret, SecretName};

use super::{Asker, Coordinator, Failure};
use crate::state::{Command, Held, InForce};

/// Most secrets in one request.
pub const NAMES_MAX: usize = 64;

/// A secret as it was when the reading was recorded.
pub struct Read {
    /// Its name.
    pub name: SecretName,
    /// The manifest that declares it.
    pub manifest: Arc<InForce>,
    /// Its value, if it has one.
    pub held: Option<Arc<Held>>,
}

impl Read {
    /// Its declaration.
    pub fn declared(&self) -> Option<&Secret> {
        self.manifest.manifest.secrets().get(&self.name)
    }
}

impl Coordinator {
    /// Reads secrets, all or none. The reading is on stable storage before a value leaves.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn read_secrets(&self, asker: &Asker, names: Vec<SecretName>) -> Result<Vec<Read>, Failure> {
        if names.len() > NAMES_MAX {
            return Err(Failure::limit(
                Code::LimitItems,
                format!("more than {NAMES_MAX} secrets in one request"),
            ));
        }
        let listed: Vec<&str> = names.iter().map(SecretName::as_str).collect();
        let listed = listed.join(" ");
        let denied = || {
            format!(
                "user {} is not allowed to read one or more secrets of: [{listed}]",
                asker.user()
            )
        };
        let permit = self.permit(asker, "read_secret", Right(names), denied).await?;
        let (_, Right(names)) = permit.into_parts();
        let command = Command::ReadSecrets {
            revision: asker.revision(),
            names: names.clone(),
        };
        let view = self.writer.submit(asker.log_actor(), command).await?;
        let (deployment, manifest) = view.running()?;
        let read = |name: SecretName| Read {
            held: deployment.secret(&name).cloned(),
            manifest: manifest.clone(),
            name,
        };
        Ok(names.into_iter().map(read).collect())
    }
}
