//! Intel SGX enclaves.

mod policy;

pub use policy::{Attributes, Masked, Policy};
