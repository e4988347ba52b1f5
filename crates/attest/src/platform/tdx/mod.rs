//! Intel TDX machines: quotes of versions 4 and 5.

mod appraise;
mod attributes;
mod evidence;
mod facts;
mod log;
mod policy;
pub(crate) mod report;
mod step;
mod verify;

pub(crate) use evidence::TdxEvidence;
pub use facts::Facts;
pub use policy::{Policy, TdAttributes};
pub use report::{Extension, Td15, TdReport};
pub(crate) use step::STEPS;
