//! The software platform: a process, `strongroom-simulator`, that plays the hardware on laptops and in tests. It
//! protects nothing, and everything that comes of it says so. Built in with feature `simulation` only; a release
//! binary that holds [`SIMULATION_MARKER`] was built wrongly, and a test searches for it.

mod authority;
mod evidence;
pub mod protocol;
mod verify;

pub use authority::{ATTESTATION_KEY_SECONDS, Authority, AuthorityError, ROOT_SECONDS};
pub use evidence::{SoftwareEvidence, Statement};

/// The string by which a binary with simulation code is known. It is the subject of every certificate of this
/// platform and opens its protocol, so no program can attest or verify by it without holding the string.
pub const SIMULATION_MARKER: &str = "strongroom-simulation-platform";
