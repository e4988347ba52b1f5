//! Evidence of real hardware.

use strongroom_vectors::Family;

const FAMILY: Family = Family {
    folder: "attestation",
    used: &[],
    not_yet: NOT_YET,
};

const NOT_YET: &[(&str, &str)] = &[
    ("README.md", "says where the files come from; no data"),
    (
        "verdicts.json",
        "waits for the verifiers of the hardware platforms",
    ),
    ("roots/*", "waits for the verifiers of the hardware platforms"),
    ("sgx/*", "waits for platform sgx"),
    ("tdx/*", "waits for platform tdx"),
    ("tdx-eventlog/*", "waits for platform tdx"),
    ("snp/*", "waits for platform snp"),
    ("az-snp-vtpm/*", "waits for platforms snp and tpm"),
    ("az-tdx-vtpm/*", "waits for platforms tdx and tpm"),
    ("nitro/*", "no platform of ours yet"),
    ("nvidia/*", "waits for the evidence of GPUs"),
];

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn every_file_is_used_or_waits_for_a_reason() {
    FAMILY.assert_complete();
}
