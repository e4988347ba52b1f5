//! Models, configuration and answers of TensorFlow Serving.

use strongroom_vectors::Family;

const FAMILY: Family = Family {
    folder: "tensorflow-serving",
    used: &[],
    not_yet: NOT_YET,
};

const NOT_YET: &[(&str, &str)] = &[
    ("README.md", "says where the files come from; no data"),
    ("models/*", "SavedModels wait for an engine that loads them"),
    ("good_model_config.txt", "waits for model configuration files"),
    ("bad_model_config.txt", "waits for model configuration files"),
    ("batching_config.txt", "waits for batching"),
    (
        "monitoring_config.txt",
        "waits for monitoring configuration files",
    ),
    (
        "golden_rapidjson.txt",
        "waits for the comparison of printed numbers",
    ),
    ("golden_x2.json", "waits for the comparison of printed numbers"),
    (
        "half_plus_two_model_metadata.json",
        "waits for an engine that loads SavedModels",
    ),
    (
        "saved_model_half_plus_two_2_versions_metadata.json",
        "waits for an engine that loads SavedModels",
    ),
];

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn every_file_is_used_or_waits_for_a_reason() {
    FAMILY.assert_complete();
}
