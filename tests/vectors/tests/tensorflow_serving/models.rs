//! Model configuration files.

use std::path::Path;

use serde_json::json;

use super::FAMILY;
use super::server::Server;

/// A server with this text as its `--model_config_file`.
fn with_config(folder: &Path, text: &str) -> Server {
    let path = folder.join("models.config");
    std::fs::write(&path, text).expect("write");
    Server::run(&[format!("--model_config_file={}", path.display())])
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS and tensorflow-cpu"]
fn a_good_configuration_serves_all_its_models() {
    let models = FAMILY.path("models");
    let path = |model: &str| models.join(model).display().to_string();
    let text = FAMILY
        .text("good_model_config.txt")
        .replace(
            "${TEST_HALF_PLUS_TWO_DIR}",
            &path("saved_model_half_plus_two_cpu"),
        )
        .replace(
            "${TEST_HALF_PLUS_THREE_DIR}",
            &path("saved_model_half_plus_three"),
        );
    let folder = tempfile::tempdir().expect("temporary folder");
    let server = with_config(folder.path(), &text);
    for (model, answer) in [("half_plus_two", 3.0), ("half_plus_three", 4.0)] {
        let (status, body) = server.ask(&format!("/v1/models/{model}:predict"), r#"{"instances":[2.0]}"#);
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(
            (status, body),
            (200, json!({ "predictions": [answer] })),
            "{model}"
        );
    }
}

/// Both versions answer, a label leads to one of them, and without a version the newest answers.
#[test]
#[ignore = "needs STRONGROOM_VECTORS and tensorflow-cpu"]
fn versions_and_labels_are_those_of_the_configuration() {
    let base = FAMILY.path("models/saved_model_half_plus_two_2_versions");
    let text = format!(
        "model_config_list {{ config {{ name: 'm' base_path: '{}' model_platform: 'tensorflow' model_version_policy \
         {{ specific {{ versions: 123 versions: 124 }} }} version_labels {{ key: 'stable' value: 123 }} }} }}",
        base.display()
    );
    let folder = tempfile::tempdir().expect("temporary folder");
    let server = with_config(folder.path(), &text);
    let (_, status) = server.get("/v1/models/m");
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    let versions = status["model_version_status"].as_array().expect("versions");
    let seen: Vec<_> = versions
        .iter()
        .map(|one| (one["version"].clone(), one["state"].clone()))
        .collect();
    assert_eq!(
        seen,
        [
            (json!("124"), json!("AVAILABLE")),
            (json!("123"), json!("AVAILABLE"))
        ]
    );
    for (path, version) in [
        ("/v1/models/m/metadata", "124"),
        ("/v1/models/m/versions/123/metadata", "123"),
        ("/v1/models/m/labels/stable/metadata", "123"),
    ] {
        let (_, body) = server.get(path);
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body["model_spec"]["version"], version, "{path}");
    }
    let (status, body) = server.ask("/v1/models/m/labels/canary:predict", r#"{"instances":[2.0]}"#);
    assert_eq!(status, 400);
    assert!(
        body.contains("Unrecognized servable version label: canary"),
        "{body}"
    );
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS and tensorflow-cpu"]
fn a_label_of_a_version_that_is_not_served_is_refused() {
    let base = FAMILY.path("models/saved_model_half_plus_two_2_versions");
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("models.config");
    let text = format!(
        "model_config_list {{ config {{ name: 'm' base_path: '{}' model_platform: 'tensorflow' version_labels {{ key: \
         'stable' value: 123 }} }} }}",
        base.display()
    );
    std::fs::write(&path, text).expect("write");
    let flag = format!("--model_config_file={}", path.display());
    let ended = Server::ending(&[flag]);
    assert_eq!(ended.status.code(), Some(255));
    let said = String::from_utf8_lossy(&ended.stdout);
    let text =
        "Request to assign label to version 123 of model m, which is not currently available for inference";
    assert!(said.contains(text), "{said}");
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn a_bad_configuration_is_told_on_both_streams() {
    let path = FAMILY.path("bad_model_config.txt");
    let ended = Server::ending(&[format!("--model_config_file={}", path.display())]);
    assert_eq!(ended.status.code(), Some(255));
    let out = String::from_utf8_lossy(&ended.stdout);
    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(out.contains("Failed to start server. Error:"), "{out}");
    assert!(
        out.contains(&format!("Invalid protobuf file: '{}'", path.display())),
        "{out}"
    );
    assert!(
        err.contains("Error parsing text-format tensorflow.serving.ModelServerConfig"),
        "{out}{err}"
    );
}
