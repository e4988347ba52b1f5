//! Stable codes of refused evidence: what scripts, the demo and the documentation name. A code never changes its
//! meaning; its sentence may.

use std::fmt;

use serde::{Serialize, Serializer};

/// A stable code such as `evidence.binding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(&'static str);

impl Code {
    /// The code as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// The bytes are no evidence.
pub const MALFORMED: Code = Code("evidence.malformed");
/// The platform is not accepted, or not built into this program.
pub const PLATFORM: Code = Code("evidence.platform");
/// No accepted root vouches for the key that signed the evidence.
pub const ROOT: Code = Code("evidence.root");
/// Evidence, or something that vouches for it, lies outside its time.
pub const EXPIRED: Code = Code("evidence.expired");
/// The signature over the evidence is wrong.
pub const SIGNATURE: Code = Code("evidence.signature");
/// The evidence speaks of another session.
pub const BINDING: Code = Code("evidence.binding");
/// The platform gives less protection than is accepted.
pub const PROTECTION: Code = Code("evidence.protection");
/// The attester can be looked into.
pub const DEBUG: Code = Code("evidence.debug");
/// What the maker of the hardware signs about it is missing, malformed, of another platform, or revokes it.
pub const ENDORSEMENTS: Code = Code("evidence.endorsements");
/// The machine is set up in a way that is not accepted.
pub const CONFIGURATION: Code = Code("evidence.configuration");
/// The platform lacks patches, or its maker no longer answers for it.
pub const TCB: Code = Code("evidence.tcb");
/// The machine is not one of those expected.
pub const HARDWARE: Code = Code("evidence.hardware");
/// What was measured at boot or since does not add up, or is not what is expected.
pub const EVENT_LOG: Code = Code("evidence.event_log");
/// The program is not one of those expected.
pub const MEASUREMENT: Code = Code("evidence.measurement");
/// The program's signer is not one of those expected.
pub const SIGNER: Code = Code("evidence.signer");
/// The program's product number is another.
pub const PRODUCT: Code = Code("evidence.product");
/// The program's security version is too low.
pub const SECURITY_VERSION: Code = Code("evidence.security_version");
/// The workload description is not one of those expected.
pub const WORKLOAD: Code = Code("evidence.workload");
/// The manifest that the coordinator enforces is not one of those expected.
pub const MANIFEST_DIGEST: Code = Code("evidence.manifest_digest");
/// A policy, or an expectation in a workload description, cannot be used.
pub const POLICY: Code = Code("policy.invalid");
