//! Gramine's manifests.

use strongroom_vectors::Family;

const FAMILY: Family = Family {
    folder: "gramine-manifest",
    used: &[],
    not_yet: NOT_YET,
};

const NOT_YET: &[(&str, &str)] = &[
    ("README.md", "says where the files come from; no data"),
    ("manifest.json", "waits for the import of Gramine manifests"),
    ("cases/*", "waits for the import of Gramine manifests"),
];

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn every_file_is_used_or_waits_for_a_reason() {
    FAMILY.assert_complete();
}
