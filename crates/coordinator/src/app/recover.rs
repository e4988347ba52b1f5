//! Opening the state of another machine with the recovery secret. The secret's holder has verified this coordinator
//! afresh, by measurement: the root is a temporary one.

use std::sync::{Arc, PoisonError};

use strongroom_api::coordinator::log::Actor;
use strongroom_api::coordinator::problem::Code;
use strongroom_crypto::rsa::{RecoveryPrivateKey, RecoveryPublicKey};
use strongroom_crypto::secret::{RecoverySecret, SecretBytes};

use super::{Coordinator, Failure, blocking};
use crate::state::command::Recover;
use crate::state::{Command, PhaseName, Refusal};

/// A key for secrets that travel encrypted; gone when the recovery is done.
pub struct Ephemeral {
    private: RecoveryPrivateKey,
    spki: Vec<u8>,
}

impl Coordinator {
    /// Opens the state. `secret` is plain (32 bytes), or encrypted to [`Coordinator::recovery_public_key`].
    ///
    /// # Errors
    /// [`Failure`]; then the state stays sealed.
    pub async fn recover(&self, secret: SecretBytes, signature: Vec<u8>) -> Result<(), Failure> {
        if self.view().phase != PhaseName::Recovery {
            return Err(Failure::wrong_state());
        }
        let secret = self.plain_secret(secret)?;
        let secret = RecoverySecret::from_slice(secret.expose()).map_err(|_| {
            Failure::server(
                Code::RecoveryRefused,
                "setting recovery key: invalid secret length",
            )
        })?;
        let command = Command::Recover(Recover { secret, signature });
        let outcome = self.writer.submit(Actor::Anonymous, command).await;
        match outcome {
            Ok(_) => {
                *self.recovery_key.lock().unwrap_or_else(PoisonError::into_inner) = None;
                tracing::info!("state recovered; guarded secrets have to be uploaded again");
                Ok(())
            }
            Err(refusal) => {
                self.count_refusal(refusal.code());
                Err(match refusal {
                    Refusal::Recovery(why) => {
                        Failure::server(Code::RecoveryRefused, format!("setting recovery key: {why}"))
                    }
                    other => other.into(),
                })
            }
        }
    }

    fn plain_secret(&self, secret: SecretBytes) -> Result<SecretBytes, Failure> {
        // As MarbleRun: a secret of one of the plain lengths is plain, everything else is encrypted.
        if matches!(secret.len(), 16 | 32 | 33) {
            return Ok(secret);
        }
        let failed = |why: &str| {
            Failure::request(
                Code::RequestMalformed,
                format!("failed to decrypt recovery secret: {why}"),
            )
        };
        let key = self
            .recovery_key
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let key = key.ok_or_else(|| failed("ephemeral secret key not set"))?;
        key.private
            .decrypt_oaep_sha256(secret.expose())
            .map_err(|_| failed("crypto/rsa: decryption error"))
    }

    /// A key to encrypt the recovery secret to (DER SubjectPublicKeyInfo, RSA); made once.
    ///
    /// # Errors
    /// [`Failure`] in another phase.
    pub async fn recovery_public_key(&self) -> Result<Vec<u8>, Failure> {
        if self.view().phase != PhaseName::Recovery {
            return Err(Failure::wrong_state());
        }
        if let Some(key) = &*self.recovery_key.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(key.spki.clone());
        }
        let made = blocking(|| {
            let (private, public) = RecoveryPrivateKey::generate_pem().ok()?;
            let private = RecoveryPrivateKey::from_pem(&private).ok()?;
            let spki = RecoveryPublicKey::from_pem(&public).ok()?.spki_der().to_vec();
            Some(Arc::new(Ephemeral { private, spki }))
        });
        let made = made.await?.ok_or_else(Failure::internal)?;
        // Two callers may have made one each: the first that is kept is the one that both are told.
        let mut kept = self.recovery_key.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.get_or_insert(made).spki.clone())
    }
}
