//! What SGX and TDX have in common: the quote, and Intel's provisioning certification (DCAP) that vouches for it.

mod der;
pub(crate) mod enclave;
mod facts;
pub(crate) mod fields;
mod pck;
pub(crate) mod policy;
pub(crate) mod quote;
mod status;

pub use enclave::EnclaveReport;
pub use facts::{PlatformFacts, TcbFacts};
pub use pck::{PckIdentity, SgxType};
pub use policy::{Demand, HardwarePolicy, TcbPolicy};
pub use status::TcbStatus;
