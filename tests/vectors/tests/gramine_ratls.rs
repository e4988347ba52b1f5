//! Certificates of Gramine's RA-TLS.

use strongroom_vectors::Family;

const FAMILY: Family = Family {
    folder: "gramine-ratls",
    used: &[],
    not_yet: NOT_YET,
};

const NOT_YET: &[(&str, &str)] = &[(
    "*",
    "waits for the reader of RA-TLS certificates and for platform sgx",
)];

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn every_file_is_used_or_waits_for_a_reason() {
    FAMILY.assert_complete();
}
