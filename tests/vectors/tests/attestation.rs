//! Evidence of real hardware: verdicts of the strict default policy, damage, and what the program makes of both.
//!
//! The event logs beside it have tests of their own in `attestation_event_logs`.

#[path = "attestation/damage.rs"]
mod damage;
#[path = "attestation/program.rs"]
mod program;
#[path = "attestation/quotes.rs"]
mod quotes;
#[path = "attestation/reports.rs"]
mod reports;
#[path = "attestation/sample.rs"]
mod sample;
#[path = "attestation/verdicts.rs"]
mod verdicts;

use strongroom_vectors::Family;

const FAMILY: Family = Family {
    folder: "attestation",
    used: &[
        "verdicts.json",
        "roots/tdx_root.pem",
        "sgx/*",
        "snp/*",
        "tdx/*",
        "tdx-eventlog/*",
    ],
    not_yet: NOT_YET,
};

const NOT_YET: &[(&str, &str)] = &[
    ("README.md", "says where the files come from; no data"),
    ("roots/azure*", "waits for platform Azure vTPM"),
    (
        "roots/microsoft-rsa-devices-root-ca-2021.pem",
        "waits for platform Azure vTPM",
    ),
    (
        "roots/gce_ek_ak_root.pem",
        "no evidence of a machine under it is here, and roots of TPMs are the policy's to name",
    ),
    (
        "roots/nras_root.pem",
        "an intermediate certificate that has ended, never an anchor; waits for the evidence of GPUs",
    ),
    ("az-snp-vtpm/*", "waits for platform Azure vTPM"),
    ("az-tdx-vtpm/*", "waits for platform Azure vTPM"),
    ("nitro/*", "waits for platform Nitro"),
    ("nvidia/*", "waits for the evidence of GPUs"),
];

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn every_file_is_used_or_waits_for_a_reason() {
    FAMILY.assert_complete();
}
