//! The fuzz targets, driven by seeded mutations: the same on every machine.

mod common;
mod mutate;

use common::good;
use mutate::mutate;
use strongroom_attest::fuzz;

#[test]
fn mutated_evidence_neither_panics_nor_reads_as_another_form() {
    mutate(&good().evidence().to_bytes(), fuzz::parse_evidence);
}

#[test]
fn mutated_policies_do_not_panic() {
    let entry = serde_json::to_string(&good().expected).expect("JSON");
    let digest = common::other_digest();
    let policy = format!(
        r#"{{"format":"strongroom.policy.v1","coordinator":[{entry}],"manifest_digests":["{digest}"],"roles":{{"a":["b"]}}}}"#
    );
    mutate(policy.as_bytes(), fuzz::parse_policy);
    mutate(format!("[{entry}]").as_bytes(), fuzz::parse_policy);
}
