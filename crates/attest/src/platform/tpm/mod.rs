//! TPM 2.0 measured boot.

mod policy;

pub use policy::Policy;
