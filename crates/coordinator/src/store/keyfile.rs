//! The key file: the state key and the guard key, wrapped. What it says in the clear only serves to explain a refusal.
//!
//! | key | wrapped by |
//! |---|---|
//! | state key | the platform's seal key; a key derived from the recovery secret, where the manifest names recovery keys |
//! | guard key | the platform's seal key, and nothing else |

use serde::{Deserialize, Serialize};
use strongroom_api::coordinator::bytes::Base64;
use strongroom_crypto::encode::Encoder;
use strongroom_crypto::label::{self, Label};
use strongroom_crypto::random::Random;
use strongroom_crypto::secret::{GuardKey, RecoverySecret, SealKey, StateKey};
use zeroize::Zeroizing;

use super::barrier::{Barrier, DeploymentId, open_with, seal_with};

const FORMAT: &str = "strongroom.keys.v1";

/// Which machine and build the file was sealed by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedBy {
    /// Name of the platform.
    pub platform: String,
    /// The platform protects nothing.
    pub simulated: bool,
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    format: String,
    deployment: Base64,
    sealed_by: SealedBy,
    state: Base64,
    guard: Base64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recovery: Option<Base64>,
}

/// Why a key file is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The bytes are no key file.
    #[error("the key file cannot be read")]
    Malformed,
    /// This platform's seal key, or this recovery secret, does not open it.
    #[error("the key file was sealed by another machine, another build or for another secret")]
    WrongKey,
    /// Nobody can recover: the manifest names no recovery key.
    #[error("the deployment has no recovery key")]
    NoRecovery,
}

impl KeyFile {
    /// Wraps both keys for this machine.
    pub fn seal(
        sealed_by: &SealedBy,
        barrier: &Barrier,
        guard_key: &GuardKey,
        seal_key: &SealKey,
        random: &dyn Random,
    ) -> Self {
        let deployment = barrier.deployment();
        let wrap = |label: Label, key: &[u8; 32]| {
            let aad = aad(label, deployment, Some(sealed_by));
            Base64(seal_with(
                random,
                seal_key.expose(),
                label,
                &aad,
                Zeroizing::new(key.to_vec()),
            ))
        };
        Self {
            format: FORMAT.to_owned(),
            deployment: Base64(deployment.to_vec()),
            sealed_by: sealed_by.clone(),
            state: wrap(label::STATE_KEY_SEAL, barrier.key().expose()),
            guard: wrap(label::GUARD_KEY_SEAL, guard_key.expose()),
            recovery: None,
        }
    }

    /// Wraps the state key for whoever holds `secret` as well. The guard key is never among it.
    #[must_use]
    pub fn with_recovery(mut self, barrier: &Barrier, secret: &RecoverySecret, random: &dyn Random) -> Self {
        let label = label::STATE_KEY_RECOVERY;
        let aad = aad(label, barrier.deployment(), None);
        let key = Zeroizing::new(barrier.key().expose().to_vec());
        self.recovery = Some(Base64(seal_with(random, secret.expose(), label, &aad, key)));
        self
    }

    /// Keeps the recovery wrap of an older file of the same deployment and state key.
    #[must_use]
    pub fn with_recovery_of(mut self, older: &Self) -> Self {
        self.recovery.clone_from(&older.recovery);
        self
    }

    /// Opens both keys on the machine that sealed them.
    ///
    /// # Errors
    /// [`KeyFileError::WrongKey`].
    pub fn open(&self, seal_key: &SealKey) -> Result<(StateKey, GuardKey), KeyFileError> {
        let unwrap = |label: Label, sealed: &Base64| {
            let aad = aad(label, &self.deployment(), Some(&self.sealed_by));
            open_with(seal_key.expose(), label, &aad, &sealed.0).map_err(|_| KeyFileError::WrongKey)
        };
        let state = unwrap(label::STATE_KEY_SEAL, &self.state)?;
        let guard = unwrap(label::GUARD_KEY_SEAL, &self.guard)?;
        let state = StateKey::from_slice(&state).map_err(|_| KeyFileError::Malformed)?;
        Ok((
            state,
            GuardKey::from_slice(&guard).map_err(|_| KeyFileError::Malformed)?,
        ))
    }

    /// Opens the state key with the recovery secret.
    ///
    /// # Errors
    /// [`KeyFileError::NoRecovery`], [`KeyFileError::WrongKey`].
    pub fn recover(&self, secret: &RecoverySecret) -> Result<StateKey, KeyFileError> {
        let sealed = self.recovery.as_ref().ok_or(KeyFileError::NoRecovery)?;
        let label = label::STATE_KEY_RECOVERY;
        let aad = aad(label, &self.deployment(), None);
        let key = open_with(secret.expose(), label, &aad, &sealed.0).map_err(|_| KeyFileError::WrongKey)?;
        StateKey::from_slice(&key).map_err(|_| KeyFileError::Malformed)
    }

    /// The deployment that the keys belong to.
    pub fn deployment(&self) -> DeploymentId {
        self.deployment
            .0
            .as_slice()
            .try_into()
            .expect("the length is checked when the file is read")
    }

    /// Who sealed it, by its own word.
    pub const fn sealed_by(&self) -> &SealedBy {
        &self.sealed_by
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("strings and base64 serialise")
    }

    /// Reads the file's bytes.
    ///
    /// # Errors
    /// [`KeyFileError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let file: Self = serde_json::from_slice(bytes).map_err(|_| KeyFileError::Malformed)?;
        let length = size_of::<DeploymentId>();
        if file.format != FORMAT || file.deployment.0.len() != length {
            return Err(KeyFileError::Malformed);
        }
        Ok(file)
    }
}

fn aad(label: Label, deployment: &DeploymentId, sealed_by: Option<&SealedBy>) -> Vec<u8> {
    let encoder = Encoder::new(label).bytes(deployment);
    match sealed_by {
        Some(by) => encoder
            .bytes(by.platform.as_bytes())
            .u64(by.simulated.into())
            .finish(),
        None => encoder.finish(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use strongroom_crypto::random::SystemRandom;

    fn sealed_by(simulated: bool) -> SealedBy {
        SealedBy {
            platform: "software".to_owned(),
            simulated,
        }
    }

    fn file() -> (Barrier, KeyFile, SealKey, RecoverySecret) {
        let barrier = Barrier::new(
            [1; 16],
            StateKey::init_with(|k| k.fill(2)),
            Arc::new(SystemRandom),
        );
        let (guard, seal) = (
            GuardKey::init_with(|k| k.fill(3)),
            SealKey::init_with(|k| k.fill(4)),
        );
        let secret = RecoverySecret::init_with(|k| k.fill(5));
        let file = KeyFile::seal(&sealed_by(true), &barrier, &guard, &seal, &SystemRandom);
        let file = file.with_recovery(&barrier, &secret, &SystemRandom);
        (barrier, file, seal, secret)
    }

    #[test]
    fn opens_on_its_machine_and_by_recovery_without_the_guard_key() {
        let (barrier, file, seal, secret) = file();
        let file = KeyFile::parse(&file.to_bytes()).expect("reads back");
        let (state, guard) = file.open(&seal).expect("opens");
        assert_eq!((&state, guard.expose()), (barrier.key(), &[3; 32]));
        assert_eq!(file.recover(&secret).as_ref(), Ok(barrier.key()));
    }

    #[test]
    fn refuses_other_keys_machines_and_deployments() {
        let (_, good, seal, secret) = file();
        let wrong = Err(KeyFileError::WrongKey);
        assert_eq!(good.open(&SealKey::init_with(|k| k.fill(9))).map(|_| ()), wrong);
        assert_eq!(
            good.recover(&RecoverySecret::init_with(|k| k.fill(9)))
                .map(|_| ()),
            wrong
        );
        let real = KeyFile {
            sealed_by: sealed_by(false),
            ..good.clone()
        };
        assert_eq!(
            real.open(&seal).map(|_| ()),
            wrong,
            "a simulated key file passed off as a real one"
        );
        let other = KeyFile {
            deployment: Base64(vec![8; 16]),
            ..good.clone()
        };
        assert_eq!(other.open(&seal).map(|_| ()), wrong);
        assert_eq!(other.recover(&secret).map(|_| ()), wrong);
        let swapped = KeyFile {
            guard: good.state.clone(),
            ..good.clone()
        };
        assert_eq!(
            swapped.open(&seal).map(|_| ()),
            wrong,
            "one key passed off as the other"
        );
        let none = KeyFile {
            recovery: None,
            ..good
        };
        assert_eq!(none.recover(&secret).map(|_| ()), Err(KeyFileError::NoRecovery));
    }
}
