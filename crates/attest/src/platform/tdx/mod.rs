//! Intel TDX machines.

mod policy;
pub(crate) mod report;

pub use policy::{Policy, TdAttributes};
pub use report::{Extension, Td15, TdReport};
