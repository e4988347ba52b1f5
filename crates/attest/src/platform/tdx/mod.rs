//! Intel TDX machines.

mod policy;

pub use policy::Policy;
