//! AMD SEV-SNP machines.

mod policy;

pub use policy::Policy;
