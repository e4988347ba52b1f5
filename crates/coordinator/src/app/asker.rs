//! Who asks: a user of the manifest, known by the certificate that the TLS client presented.

use strongroom_api::coordinator::bytes::Hex32;
use strongroom_api::coordinator::log::Actor;
use strongroom_api::coordinator::problem::Code;
use strongroom_crypto::digest::sha256;
use strongroom_manifest::access::Right;
use strongroom_manifest::{AuthenticateError, Permit, UserName};
use strongroom_service::ConnectionInfo;

use super::{Coordinator, Failure};
use crate::state::{Command, Refusal};

/// A user who proved to hold the key of a certificate in the manifest. [`Coordinator::authenticate`] makes it.
#[derive(Debug)]
pub struct Asker {
    actor: strongroom_manifest::Actor,
    certificate: Hex32,
    revision: u64,
}

impl Asker {
    /// The user's name.
    pub fn user(&self) -> &UserName {
        self.actor.user()
    }

    /// Revision of the manifest that knows the user.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// As the log says it.
    pub fn log_actor(&self) -> Actor {
        Actor::User {
            name: self.user().to_string(),
            certificate: self.certificate,
        }
    }
}

const UNKNOWN: &str = "unauthorized user: client certificate did not match any MarbleRun users";

impl Coordinator {
    /// Finds out who is at the other end of a connection.
    ///
    /// # Errors
    /// [`Failure`] for everybody who is no user now.
    pub fn authenticate(&self, connection: &ConnectionInfo) -> Result<Asker, Failure> {
        let found = self.find_user(connection);
        if let Err(failure) = &found {
            self.count_refusal(failure.code.as_str());
        }
        found
    }

    fn find_user(&self, connection: &ConnectionInfo) -> Result<Asker, Failure> {
        let unknown = || Failure::unauthenticated(Code::UserUnauthenticated, UNKNOWN);
        let view = self.view();
        let certificate = connection.peer_certificate().ok_or_else(unknown)?;
        let (deployment, manifest) = match view.running() {
            Ok(running) => running,
            Err(Refusal::RolledBack) => return Err(Refusal::RolledBack.into()),
            // Without a manifest there are no users.
            Err(_) => return Err(unknown()),
        };
        // A clock set back would bring expired certificates back to life.
        view.check_time(self.now())?;
        let actor = manifest
            .manifest
            .authenticate(certificate, self.now().unix())
            .map_err(|error| match error {
                AuthenticateError::Expired(_) => {
                    Failure::unauthenticated(Code::UserExpired, format!("unauthorized user: {error}"))
                }
                _ => unknown(),
            })?;
        let certificate = Hex32(*sha256(certificate).as_bytes());
        Ok(Asker {
            actor,
            certificate,
            revision: deployment.revision,
        })
    }

    /// Leave for an action, or a refusal that the log records.
    ///
    /// # Errors
    /// [`Failure`] with `message`, MarbleRun's words.
    pub async fn permit<R: Right>(
        &self,
        asker: &Asker,
        action: &'static str,
        right: R,
        message: impl FnOnce() -> String,
    ) -> Result<Permit<R>, Failure> {
        let denied = match asker.actor.permit(right) {
            Ok(permit) => return Ok(permit),
            Err(denied) => denied,
        };
        let code = Code::UserForbidden;
        tracing::warn!(code = code.as_str(), user = %denied.user, permission = %denied.permission, "refused");
        let command = Command::Refused {
            action,
            code: code.as_str().to_owned(),
        };
        // A refusal of somebody whom we know is an event; it is on stable storage before they learn of it.
        self.writer.submit(asker.log_actor(), command).await?;
        Err(Failure::server(code, message()))
    }
}
