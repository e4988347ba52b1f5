//! What is true of a deployment, what may be asked of it, and what follows. Pure: no I/O, no clock, no randomness.
//!
//! `decide(phase, command) → events` may refuse and changes nothing; `phase.apply(event)` changes and may not fail.

mod apply;
pub mod command;
mod decide;
pub mod deployment;
pub mod endorsed;
pub mod event;
pub mod persist;
pub mod phase;
pub mod refusal;
#[cfg(test)]
mod tests;

pub use command::Command;
pub(crate) use decide::check_time;
pub use decide::{Now, decide, first_unset};
pub use deployment::{Deployment, Held, InForce, Leaves};
pub use endorsed::Endorsed;
pub use event::{Event, Fact};
pub use phase::{Phase, PhaseName};
pub use refusal::Refusal;

/// How far the clock may lie behind the newest time in the state: two honest clocks differ by less.
pub const TIME_TOLERANCE_SECONDS: u64 = 5 * 60;
/// A step forward of the clock that nobody confirmed does not become the newest time.
pub const TIME_STEP_SECONDS_MAX: u64 = 24 * 60 * 60;
