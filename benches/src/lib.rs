//! What the benchmarks of running programs share.

pub mod arguments;
pub mod deployment;
pub mod load;
pub mod programs;
pub mod wire;

/// What went wrong, for a person.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
