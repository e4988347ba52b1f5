//! Policy sessions (Part 1 §19.7): neither salted nor bound, as none of ours carries a password.

use strongroom_crypto::digest::{Digest32, Sha256};
use strongroom_crypto::random::{self, SystemRandom};

use super::command::{Authorization, Command, Name};
use super::error::TpmError;
use super::pcr::{self, PcrSelection, Pcrs};
use super::wire::{Malformed, Writer};
use super::{Handle, Tpm, algorithm};

/// A policy session that is open.
#[derive(Debug, Clone, Copy)]
pub struct PolicySession(pub(super) Handle);

impl Tpm {
    /// Works with a policy session, and flushes it whatever comes of that.
    ///
    /// # Errors
    /// [`TpmError`], or what `work` says.
    pub fn with_policy<T, E: From<TpmError>>(
        &mut self,
        work: impl FnOnce(&mut Self, PolicySession) -> Result<T, E>,
    ) -> Result<T, E> {
        let nonce: [u8; 16] = random::array(&SystemRandom);
        let parameters = Writer::new()
            .sized(&nonce)
            .sized(&[]) // no salt
            .u8(POLICY)
            .u16(algorithm::NULL) // no encryption of parameters
            .u16(algorithm::SHA256);
        let command = Command::new(START_AUTH_SESSION)
            .handle(Handle::NULL)
            .handle(Handle::NULL)
            .parameters(parameters)
            .answers_a_handle();
        let session = self.run(&command)?.handle();
        self.and_flush(session, |tpm| work(tpm, PolicySession(session)))
    }

    /// `TPM2_PolicyPCR` with the registers' present values.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn policy_pcr(&mut self, session: PolicySession, selection: PcrSelection) -> Result<(), TpmError> {
        let parameters = selection.write(Writer::new().sized(&[]));
        let command = Command::new(POLICY_PCR).handle(session.0).parameters(parameters);
        self.run(&command).map(|_| ())
    }

    /// `TPM2_PolicySecret` with the empty password of `hierarchy`.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn policy_secret(&mut self, session: PolicySession, hierarchy: Handle) -> Result<(), TpmError> {
        let parameters = Writer::new().sized(&[]).sized(&[]).sized(&[]).u32(0);
        let command = Command::new(POLICY_SECRET)
            .authorized(hierarchy, Authorization::EmptyPassword)
            .handle(session.0)
            .parameters(parameters);
        self.run(&command).map(|_| ())
    }

    /// What the session's policy comes to so far.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn policy_digest(&mut self, session: PolicySession) -> Result<Digest32, TpmError> {
        let response = self.run(&Command::new(POLICY_GET_DIGEST).handle(session.0))?;
        response.read(|reader| {
            let digest = reader.sized()?.try_into();
            Ok(Digest32(digest.map_err(|_| Malformed("it has not 32 bytes"))?))
        })
    }
}

/// What a policy of `TPM2_PolicyPCR` alone comes to for these values (Part 3 §23.7).
#[must_use]
pub fn pcr_policy(selection: PcrSelection, pcrs: &Pcrs) -> Digest32 {
    let mut hash = Sha256::new();
    hash.update(&[0; 32]);
    hash.update(&selection.write(Writer::new().u32(POLICY_PCR.0)).bytes());
    hash.update(pcr::digest(pcrs).as_bytes());
    hash.finish()
}

/// `TPM_SE_POLICY`.
const POLICY: u8 = 1;
const POLICY_SECRET: Name = Name(0x151, "TPM2_PolicySecret");
const START_AUTH_SESSION: Name = Name(0x176, "TPM2_StartAuthSession");
const POLICY_PCR: Name = Name(0x17F, "TPM2_PolicyPCR");
const POLICY_GET_DIGEST: Name = Name(0x189, "TPM2_PolicyGetDigest");
