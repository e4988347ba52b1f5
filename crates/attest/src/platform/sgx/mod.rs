//! Intel SGX enclaves: quotes of version 3.

mod appraise;
mod evidence;
mod facts;
mod policy;
mod step;
mod verify;

pub(crate) use evidence::SgxEvidence;
pub use facts::Facts;
pub use policy::{Attributes, Masked, Policy};
pub(crate) use step::STEPS;
