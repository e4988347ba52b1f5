//! Targets for fuzzing: each takes any bytes, and must neither panic nor allocate beyond their size. A stable test
//! drives them with seeded mutations of good input; `.ci/run` drives them with cargo-fuzz.

use crate::evidence::Evidence;
use crate::reference::{ClientPolicy, CoordinatorExpectation};

/// Reads evidence; what was read must be written the same.
pub fn parse_evidence(bytes: &[u8]) {
    if let Ok(evidence) = Evidence::parse(bytes) {
        assert_eq!(evidence.to_bytes(), bytes, "an envelope has one form");
    }
}

/// Reads a policy and an expectation; what was read must read again.
pub fn parse_policy(bytes: &[u8]) {
    if let Ok(policy) = ClientPolicy::parse(bytes) {
        assert!(
            ClientPolicy::parse(policy.to_json().as_bytes()).is_ok(),
            "a policy that was read is written readable"
        );
    }
    let _ = CoordinatorExpectation::parse(bytes);
}
