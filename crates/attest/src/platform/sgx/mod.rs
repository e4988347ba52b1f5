//! Intel SGX enclaves.

mod policy;

pub use policy::Policy;
