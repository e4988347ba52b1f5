//! Gramine's protected files.

use strongroom_vectors::Family;

const FAMILY: Family = Family {
    folder: "gramine-pf",
    used: &[],
    not_yet: NOT_YET,
};

const NOT_YET: &[(&str, &str)] = &[
    ("README.md", "says where the files come from; no data"),
    ("manifest.json", "waits for the reader of protected files"),
    ("keys/*", "waits for the reader of protected files"),
    ("lib/*", "waits for the reader of protected files"),
    ("negative/*", "waits for the reader of protected files"),
    ("path/*", "waits for the reader of protected files"),
    ("recovery/*", "waits for the reader of protected files"),
    ("rollback/*", "waits for the reader of protected files"),
    ("v1/*", "waits for the reader of protected files"),
    ("v2/*", "waits for the reader of protected files"),
];

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn every_file_is_used_or_waits_for_a_reason() {
    FAMILY.assert_complete();
}
