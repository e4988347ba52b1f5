//! The software platform: a process that plays the hardware, for laptops and tests. It protects nothing, and its
//! evidence says so.
//!
//! What hardware would know of a program, the simulator finds out itself: the kernel tells it who connected and who
//! wrote each byte, and it hashes the executable of that very process. From the caller it takes report data and the
//! workload description, nothing else. What it cannot see: a caller that somebody traces or preloads code into.
//! That is what real hardware is for.

mod caller;
mod counter;
mod exchange;
mod folder;
pub mod probe;
mod run;

pub use caller::CallerError;
pub use folder::FolderError;
pub use run::{Config, ROOT_FILE, Simulator, SimulatorError};
