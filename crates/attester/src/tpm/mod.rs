//! TPM 2.0 commands (TPM 2.0 Library, Parts 1–3, revision 1.59), spoken directly to a device or a socket: no library
//! between this program and the TPM.
//!
//! What is loaded into a TPM takes one of few slots, so everything here that loads something does so for the length of
//! one closure ([`Tpm::with_primary`], [`Tpm::with_policy`]) and flushes it afterwards, also after an error.
//!
//! Authorisations are passwords, or policies without a password. The bus to the TPM is trusted as the kernel is: whoever
//! listens there reads what the TPM answers, sealing keys included.

mod address;
mod capability;
mod command;
mod error;
mod nv;
mod object;
mod pcr;
mod session;
pub mod template;
mod transport;
mod wire;

#[cfg(test)]
pub(crate) use transport::tests::Recorded;

pub use address::TpmAddress;
pub use command::Tpm;
pub use error::{Code, TpmError};
pub use nv::{NvIndex, NvPublic};
pub use object::Object;
pub use pcr::digest as pcr_digest;
pub use pcr::{PcrSelection, Pcrs, Quote};
pub use session::{PolicySession, pcr_policy};
pub use transport::Transport;
pub use wire::{Malformed, Reader, Writer};

/// A handle of an object, a session, an NV index or a hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle(pub u32);

impl Handle {
    /// The storage hierarchy: the machine's owner.
    pub const OWNER: Self = Self(0x4000_0001);
    /// No hierarchy, no object.
    pub const NULL: Self = Self(0x4000_0007);
    /// The endorsement hierarchy: whoever minds the platform's privacy.
    pub const ENDORSEMENT: Self = Self(0x4000_000B);
    /// The "session" that is a password (`TPM_RS_PW`).
    pub(crate) const PASSWORD: Self = Self(0x4000_0009);
    /// Where firmware keeps the endorsement key, RSA 2048 (TCG EK Credential Profile 2.5 §2.2.1.5).
    pub const PERSISTENT_EK_RSA: Self = Self(0x8101_0001);
    /// Where firmware keeps the endorsement key, P-256.
    pub const PERSISTENT_EK_ECC: Self = Self(0x8101_0002);
}

/// Numbers of algorithms (Part 2 §6.3).
pub(crate) mod algorithm {
    pub(crate) const RSA: u16 = 0x0001;
    pub(crate) const HMAC: u16 = 0x0005;
    pub(crate) const AES: u16 = 0x0006;
    pub(crate) const KEYEDHASH: u16 = 0x0008;
    pub(crate) const SHA256: u16 = 0x000B;
    pub(crate) const NULL: u16 = 0x0010;
    pub(crate) const ECDSA: u16 = 0x0018;
    pub(crate) const ECC: u16 = 0x0023;
    pub(crate) const CFB: u16 = 0x0043;
}
