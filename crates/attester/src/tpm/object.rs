//! Keys: made anew from a template each time, never stored (Part 3 §24.1), and what they are used for.
//!
//! A primary key comes of a seed that never leaves the TPM and of its template, all of it: the same template gives the
//! same key, another template another one.

use strongroom_crypto::secret::SecretBytes;

use super::command::{Authorization, Command, Name};
use super::error::TpmError;
use super::session::PolicySession;
use super::template::Template;
use super::wire::{Malformed, Writer};
use super::{Handle, Tpm, algorithm};

/// A key that is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Where.
    pub handle: Handle,
    /// `TPMT_PUBLIC`.
    pub public: Vec<u8>,
    /// Algorithm and digest of the public area.
    pub name: Vec<u8>,
}

impl Tpm {
    /// Works with the primary key that `template` gives in `hierarchy`, and flushes it whatever comes of that.
    ///
    /// # Errors
    /// [`TpmError`], or what `work` says.
    pub fn with_primary<T, E: From<TpmError>>(
        &mut self,
        hierarchy: Handle,
        template: &Template,
        work: impl FnOnce(&mut Self, &Object) -> Result<T, E>,
    ) -> Result<T, E> {
        let nothing = Writer::new().sized(&[]).sized(&[]).bytes();
        let parameters = Writer::new()
            .sized(&nothing) // neither password nor data
            .sized(&template.public())
            .sized(&[]) // no data of ours
            .u32(0); // no creation PCRs
        let command = Command::new(CREATE_PRIMARY)
            .authorized(hierarchy, Authorization::EmptyPassword)
            .parameters(parameters)
            .answers_a_handle();
        let response = self.run(&command)?;
        let handle = response.handle();
        self.and_flush(handle, |tpm| {
            let (public, name) = response.read(|reader| {
                let public = reader.sized()?.to_vec();
                reader.sized()?; // creation data
                reader.sized()?; // its hash
                reader.take(TICKET_HEAD_BYTES)?;
                reader.sized()?;
                Ok((public, reader.sized()?.to_vec()))
            })?;
            if !template.gave(&public) {
                let other = Malformed("the key is not as the template says");
                return Err(TpmError::malformed(CREATE_PRIMARY.1)(other).into());
            }
            work(tpm, &Object { handle, public, name })
        })
    }

    /// What is loaded, or kept, at `handle`; `None` where there is nothing.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn read_public(&mut self, handle: Handle) -> Result<Option<Object>, TpmError> {
        let response = match self.run(&Command::new(READ_PUBLIC).handle(handle)) {
            Err(error) if error.is(super::Code::HANDLE) => return Ok(None),
            response => response?,
        };
        response.read(|reader| {
            let public = reader.sized()?.to_vec();
            let name = reader.sized()?.to_vec();
            reader.sized()?; // qualified name
            Ok(Some(Object { handle, public, name }))
        })
    }

    /// `TPM2_ActivateCredential`: the secret that a verifier encrypted to `ek` for `ak`. `challenge` is `TPM2B_ID_OBJECT`
    /// and `TPM2B_ENCRYPTED_SECRET`, as they are.
    ///
    /// # Errors
    /// [`TpmError`]; `TPM_RC_INTEGRITY` or `TPM_RC_VALUE` for a challenge that was made for other keys.
    pub fn activate_credential(
        &mut self,
        ak: Handle,
        (ek, session): (Handle, PolicySession),
        challenge: [&[u8]; 2],
    ) -> Result<SecretBytes, TpmError> {
        let [id_object, secret] = challenge;
        let command = Command::new(ACTIVATE_CREDENTIAL)
            .authorized(ak, Authorization::EmptyPassword)
            .authorized(ek, Authorization::Policy(session.0))
            .parameters(Writer::new().raw(id_object).raw(secret));
        self.run(&command)?
            .read(|reader| Ok(SecretBytes::copy_of(reader.sized()?)))
    }

    /// HMAC-SHA256 of `data` with the key at `handle`.
    ///
    /// # Errors
    /// [`TpmError`]; `TPM_RC_POLICY_FAIL` where the session does not satisfy the key's policy.
    pub fn hmac(
        &mut self,
        handle: Handle,
        session: PolicySession,
        data: &[u8],
    ) -> Result<SecretBytes, TpmError> {
        let command = Command::new(HMAC)
            .authorized(handle, Authorization::Policy(session.0))
            .parameters(Writer::new().sized(data).u16(algorithm::SHA256));
        self.run(&command)?
            .read(|reader| Ok(SecretBytes::copy_of(reader.sized()?)))
    }
}

/// Tag and hierarchy of a ticket.
const TICKET_HEAD_BYTES: usize = 2 + 4;
const CREATE_PRIMARY: Name = Name(0x131, "TPM2_CreatePrimary");
const ACTIVATE_CREDENTIAL: Name = Name(0x147, "TPM2_ActivateCredential");
const HMAC: Name = Name(0x155, "TPM2_HMAC");
const READ_PUBLIC: Name = Name(0x173, "TPM2_ReadPublic");
