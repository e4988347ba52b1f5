//! What the benchmarks of running programs share.

pub mod arguments;
pub mod load;
pub mod programs;

/// What went wrong, for a person.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
