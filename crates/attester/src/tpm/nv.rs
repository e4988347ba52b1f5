//! Non-volatile indices: certificates that the manufacturer left there, and monotonic counters (Part 3 §31).

use super::command::{Authorization, Command, Name};
use super::error::{Code, TpmError};
use super::wire::{Malformed, Writer};
use super::{Handle, Tpm, algorithm};

/// An NV index.
pub type NvIndex = Handle;

/// The public area of an NV index (`TPMS_NV_PUBLIC`, Part 2 §13.5), but for the hash of its name, which is SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NvPublic {
    /// The index.
    pub index: NvIndex,
    /// `TPMA_NV`.
    pub attributes: u32,
    /// Policy digest.
    pub policy: Vec<u8>,
    /// Size of the data, in bytes.
    pub size: u16,
}

impl NvPublic {
    /// `TPMA_NV_AUTHWRITE`: the index's own password writes.
    pub const AUTH_WRITE: u32 = 1 << 2;
    /// `TPM_NT_COUNTER`: eight bytes that only go up.
    pub const COUNTER: u32 = 1 << 4;
    /// `TPMA_NV_OWNERREAD`.
    pub const OWNER_READ: u32 = 1 << 17;
    /// `TPMA_NV_AUTHREAD`.
    pub const AUTH_READ: u32 = 1 << 18;
    /// `TPMA_NV_NO_DA`: a wrong password does not count towards lockout.
    pub const NO_DA: u32 = 1 << 25;
    /// `TPMA_NV_WRITTEN`, which the TPM sets.
    pub const WRITTEN: u32 = 1 << 29;

    /// Who reads: the index itself, or the owner where only the owner may.
    const fn reader(&self) -> Handle {
        if self.attributes & (Self::AUTH_READ | Self::OWNER_READ) == Self::OWNER_READ {
            Handle::OWNER
        } else {
            self.index
        }
    }
}

impl Tpm {
    /// The public area of an index; `None` where it is not defined.
    ///
    /// # Errors
    /// [`TpmError`]; also for an index whose name is not made with SHA-256.
    pub fn nv_read_public(&mut self, index: NvIndex) -> Result<Option<NvPublic>, TpmError> {
        let response = match self.run(&Command::new(NV_READ_PUBLIC).handle(index)) {
            Err(error) if error.is(Code::HANDLE) => return Ok(None),
            response => response?,
        };
        response.read(|reader| {
            let mut public = super::Reader::new(reader.sized()?);
            reader.sized()?; // name
            let (index, hash, attributes) = (Handle(public.u32()?), public.u16()?, public.u32()?);
            let policy = public.sized()?.to_vec();
            let size = public.u16()?;
            public.end()?;
            if hash != algorithm::SHA256 {
                return Err(Malformed("the index is not named by SHA-256"));
            }
            Ok(Some(NvPublic {
                index,
                attributes,
                policy,
                size,
            }))
        })
    }

    /// Defines an index with the empty password, by the owner's empty password.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn nv_define(&mut self, public: &NvPublic) -> Result<(), TpmError> {
        let area = Writer::new()
            .u32(public.index.0)
            .u16(algorithm::SHA256)
            .u32(public.attributes)
            .sized(&public.policy)
            .u16(public.size)
            .bytes();
        let command = Command::new(NV_DEFINE_SPACE)
            .authorized(Handle::OWNER, Authorization::EmptyPassword)
            .parameters(Writer::new().sized(&[]).sized(&area));
        self.run(&command).map(|_| ())
    }

    /// Removes an index, by the owner's empty password.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn nv_undefine(&mut self, index: NvIndex) -> Result<(), TpmError> {
        let command = Command::new(NV_UNDEFINE_SPACE)
            .authorized(Handle::OWNER, Authorization::EmptyPassword)
            .handle(index);
        self.run(&command).map(|_| ())
    }

    /// One step of a counter, on stable storage when this returns.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn nv_increment(&mut self, index: NvIndex) -> Result<(), TpmError> {
        let command = Command::new(NV_INCREMENT)
            .authorized(index, Authorization::EmptyPassword)
            .handle(index);
        self.run(&command).map(|_| ())
    }

    /// All data of an index.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn nv_read(&mut self, public: &NvPublic) -> Result<Vec<u8>, TpmError> {
        let mut data = Vec::new();
        while data.len() < usize::from(public.size) {
            let offset = u16::try_from(data.len()).unwrap_or(u16::MAX);
            let size = (public.size - offset).min(READ_BYTES_MAX);
            let command = Command::new(NV_READ)
                .authorized(public.reader(), Authorization::EmptyPassword)
                .handle(public.index)
                .parameters(Writer::new().u16(size).u16(offset));
            let response = self.run(&command)?;
            let part = response.read(|reader| reader.sized())?;
            if part.len() != usize::from(size) {
                let other = Malformed("it tells another number of bytes than asked for");
                return Err(TpmError::malformed(NV_READ.1)(other));
            }
            data.extend_from_slice(part);
        }
        Ok(data)
    }
}

/// Bytes read at once: every TPM gives as many.
const READ_BYTES_MAX: u16 = 512;
const NV_UNDEFINE_SPACE: Name = Name(0x122, "TPM2_NV_UndefineSpace");
const NV_DEFINE_SPACE: Name = Name(0x12A, "TPM2_NV_DefineSpace");
const NV_INCREMENT: Name = Name(0x134, "TPM2_NV_Increment");
const NV_READ: Name = Name(0x14E, "TPM2_NV_Read");
const NV_READ_PUBLIC: Name = Name(0x169, "TPM2_NV_ReadPublic");
