//! Work for the engines: a bounded queue, and workers that each run one model call at a time on one thread.
//!
//! A call whose caller has gone is skipped; a full queue refuses at once rather than let everybody wait.

pub mod pool;

pub use pool::Workers;
