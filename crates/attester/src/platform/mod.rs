//! The platforms, one attester each.

#[cfg(feature = "simulation")]
pub mod software;
