//! The coordinator's REST interface: MarbleRun's two versions, our own beside them, and the audit log.
//!
//! Bodies only. What they mean is decided in the coordinator; what they prove is checked by the client.

pub mod bytes;
pub mod go_json;
pub mod jsend;
pub mod log;
pub mod problem;
pub mod v1;
pub mod v2;
pub mod v3;

/// What the coordinator calls the states of its life, in `/api/v3` and in its evidence.
pub mod phase {
    /// The state on disk is sealed for another machine or build: a recovery secret is needed.
    pub const RECOVERY: &str = "recovery";
    /// The state on disk is older than the platform's counter says: nothing is released.
    pub const ROLLED_BACK: &str = "rolled_back";
    /// There is no deployment yet.
    pub const AWAITING_MANIFEST: &str = "awaiting_manifest";
    /// A manifest is in force.
    pub const RUNNING: &str = "running";
}
