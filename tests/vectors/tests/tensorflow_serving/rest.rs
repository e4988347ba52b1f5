//! Every SavedModel and every golden answer, through REST and TensorFlow's own library.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::FAMILY;
use super::server::Server;

/// Models whose signatures are functions of their inputs alone.
const PURE: [&str; 7] = [
    "matrix_half_plus_two/1",
    "saved_model_half_plus_three/00000123",
    "saved_model_half_plus_two_2_versions/00000123",
    "saved_model_half_plus_two_2_versions/00000124",
    "saved_model_half_plus_two_cpu/00000123",
    "saved_model_half_plus_two_mlmd/00000123",
    "saved_model_half_plus_two_tf2_cpu/00000123",
];

pub(crate) fn golden(model: &str) -> Map<String, Value> {
    let golden: Value = serde_json::from_str(&FAMILY.text("golden_x2.json")).expect("JSON");
    golden[model].as_object().expect("answers of the model").clone()
}

/// A base path that holds one version of a model.
pub(crate) fn base_path(model: &str) -> tempfile::TempDir {
    let (_, version) = model.split_once('/').expect("a folder and a version");
    let folder = tempfile::tempdir().expect("temporary folder");
    copy(
        &FAMILY.path(&format!("models/{model}")),
        &folder.path().join(version),
    );
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a new folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("a folder that opens can be listed");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("copy");
        }
    }
}

fn metadata(server: &Server, model: &str) -> Value {
    let (status, body) = server.get(&format!("/v1/models/{model}/metadata"));
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

fn answer((status, body): (u16, String)) -> Value {
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

/// A `tensorflow.Example` (by field number) with the float feature `x`.
fn example(x: f32) -> String {
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
    let list = field(1, &x.to_le_bytes());
    let entry = [field(1, b"x"), field(2, &field(2, &list))].concat();
    STANDARD.encode(field(1, &field(1, &entry)))
}

/// The value in the shape that an input declares, one where sizes may vary.
fn filled(info: &Value, value: f64) -> Value {
    let shape = &info["tensor_shape"];
    let (Some(dims), Some(false)) = (shape["dim"].as_array(), shape["unknown_rank"].as_bool()) else {
        return json!([[value]]);
    };
    dims.iter().rev().fold(json!(value), |inner, dim| {
        let size: i64 = dim["size"].as_str().expect("a size").parse().expect("a number");
        Value::Array(vec![inner; size.max(1) as usize])
    })
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS and tensorflow-cpu"]
fn every_signature_gives_the_golden_answer() {
    for model in PURE {
        let folder = base_path(model);
        let server = Server::serving("m", folder.path(), &[]);
        let signatures = metadata(&server, "m")["metadata"]["signature_def"]["signature_def"].clone();
        for (name, outputs) in golden(model) {
            let place = format!("{model} {name}");
            let outputs = outputs.as_object().expect("outputs");
            let (alias, expected) = outputs.iter().next().expect("one output");
            let input = &signatures[&name]["inputs"].as_object().expect("inputs");
            let info = input.values().next().expect("one input");
            // One model declares another type than its graph takes.
            let takes_rows = info["dtype"] == "DT_STRING" || info["name"] == "tf_example:0";
            let x = if model.starts_with("matrix") { 1.0 } else { 2.0 };
            let value = if takes_rows {
                json!([{"b64": example(2.0)}])
            } else {
                filled(info, x)
            };
            let columns = json!({"signature_name": name, "inputs": value}).to_string();
            let expected_columns = json!({"outputs": expected});
            assert_eq!(answer(server.predict(&columns)), expected_columns, "{place}");
            let rows = json!({"signature_name": name, "instances": value}).to_string();
            let expected_rows = json!({"predictions": expected});
            assert_eq!(answer(server.predict(&rows)), expected_rows, "{place}");
            if takes_rows {
                let body = json!({"signature_name": name, "examples": [{"x": 2.0}]}).to_string();
                let (verb, results) = match alias.as_str() {
                    "scores" => ("classify", json!([[["", expected[0][0]]]])),
                    _ => ("regress", json!([expected[0][0]])),
                };
                assert_eq!(
                    answer(server.post(verb, &body)),
                    json!({"results": results}),
                    "{place}"
                );
            }
        }
    }
}

/// Signatures without inputs are for gRPC alone; what is counted stays counted.
#[test]
#[ignore = "needs STRONGROOM_VECTORS and tensorflow-cpu"]
fn quirk_15_signatures_without_inputs_cannot_be_called() {
    let model = "saved_model_counter/00000123";
    let folder = base_path(model);
    let server = Server::serving("m", folder.path(), &[]);
    for (name, outputs) in golden(model) {
        let body = |delta: f64| json!({"signature_name": name, "inputs": delta}).to_string();
        if name == "incr_counter_by" {
            assert_eq!(answer(server.predict(&body(4.0)))["outputs"], outputs["output"]);
            assert_eq!(answer(server.predict(&body(0.0)))["outputs"], outputs["output"]);
            continue;
        }
        let (status, body) = server.predict(&body(1.0));
        let expected = format!("Failed to get input map for signature: {name}");
        assert_eq!((status, answer((200, body))), (400, json!({"error": expected})));
    }
}

/// The model declares a column, and clients send a plain list.
#[test]
#[ignore = "needs STRONGROOM_VECTORS and tensorflow-cpu"]
fn quirk_17_shapes_are_for_the_graph_to_judge() {
    let folder = base_path("saved_model_half_plus_two_cpu/00000123");
    let server = Server::serving("m", folder.path(), &[]);
    let found = answer(server.predict(r#"{"instances": [2.0, 3.0, 4.0]}"#));
    assert_eq!(found, json!({"predictions": [3.0, 3.5, 4.0]}));
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS and tensorflow-cpu"]
fn metadata_is_the_golden_answer() {
    for (file, model) in [
        (
            "half_plus_two_model_metadata.json",
            "saved_model_half_plus_two_cpu/00000123",
        ),
        (
            "saved_model_half_plus_two_2_versions_metadata.json",
            "saved_model_half_plus_two_2_versions/00000123",
        ),
    ] {
        let expected: Value = serde_json::from_str(&FAMILY.text(file)).expect("JSON");
        let name = expected["model_spec"]["name"].as_str().expect("a name");
        let folder = base_path(model);
        let server = Server::serving(name, folder.path(), &[]);
        assert_eq!(metadata(&server, name), expected, "{file}");
    }
}

/// Defaults are printed whole, though REST does not use them.
#[test]
#[ignore = "needs STRONGROOM_VECTORS and tensorflow-cpu"]
fn metadata_shows_defaults_and_references() {
    let signature = |model: &str, name: &str| {
        let folder = base_path(model);
        let server = Server::serving("m", folder.path(), &[]);
        metadata(&server, "m")["metadata"]["signature_def"]["signature_def"][name].clone()
    };
    let default =
        signature("saved_model_half_plus_two_tf2_cpu/00000123", "serving_default")["defaults"]["x"].clone();
    assert_eq!(default["dtype"], "DT_FLOAT", "{default}");
    let counter = signature("saved_model_counter/00000123", "get_counter");
    assert_eq!(counter["outputs"]["output"]["dtype"], "DT_FLOAT_REF", "{counter}");
}

/// A model of a format that TensorFlow gave up is refused, and the refusal is where operators look for it.
#[test]
#[ignore = "needs STRONGROOM_VECTORS and tensorflow-cpu"]
fn a_model_that_cannot_be_loaded_is_named_on_standard_output() {
    let folder = base_path("bad_half_plus_two/00000123");
    let flags = ["--max_num_load_retries=0", "--load_retry_interval_micros=0"];
    let ended = Server::refusing(folder.path(), &flags);
    let said = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(255), "{said}");
    assert!(said.contains("Failed to start server. Error: "), "{said}");
}
