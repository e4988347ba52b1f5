//! Models, configuration and answers of TensorFlow Serving, held against our server as a process: bytes over HTTP.

use strongroom_vectors::Family;

#[path = "tensorflow_serving/config.rs"]
mod config;
#[path = "tensorflow_serving/models.rs"]
mod models;
#[path = "tensorflow_serving/onnx.rs"]
mod onnx;
#[path = "tensorflow_serving/rest.rs"]
mod rest;
#[path = "tensorflow_serving/server.rs"]
mod server;
#[path = "tensorflow_serving/stubs.rs"]
mod stubs;

use onnx::{FLOAT, INT64};
use server::Server;

const FAMILY: Family = Family {
    folder: "tensorflow-serving",
    used: &[
        "batching_config.txt",
        "bad_model_config.txt",
        "good_model_config.txt",
        "golden_rapidjson.txt",
        "golden_x2.json",
        "half_plus_two_model_metadata.json",
        "models/*",
        "monitoring_config.txt",
        "saved_model_half_plus_two_2_versions_metadata.json",
    ],
    not_yet: NOT_YET,
};

const NOT_YET: &[(&str, &str)] = &[("README.md", "says where the files come from; no data")];

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn every_file_is_used_or_waits_for_a_reason() {
    FAMILY.assert_complete();
}

/// Layouts of answers that a model can be made to give. Those of classes, of strings, of an empty batch and of that
/// error are held against the writer itself, in `rest::encode` of the server.
#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn answers_are_laid_out_byte_for_byte() {
    let golden = FAMILY.text("golden_rapidjson.txt");
    let expected = |section: &str| {
        let (_, rest) = golden
            .split_once(&format!("--- {section}\n"))
            .expect("the section");
        rest.split("\n--- ").next().expect("a section").to_owned()
    };
    let one = Server::start(&[("x", FLOAT)]);
    for (section, body) in [
        ("row scalar", r#"{"instances":[2.5,3,4.5]}"#),
        (
            "row vec",
            r#"{"instances":[[0.333333343,0.1],[0.333333343,1.1]]}"#,
        ),
        ("col 1", r#"{"inputs":[2.5,3]}"#),
    ] {
        assert_eq!(one.predict(body), (200, expected(section)), "{section}");
    }
    let mixed = Server::start(&[("a", FLOAT), ("b", INT64)]);
    let rows = r#"{"instances":[{"a_in":[1,2],"b_in":3},{"a_in":[1,2],"b_in":3}]}"#;
    assert_eq!(mixed.predict(rows), (200, expected("row multi")));
    let floats = Server::start(&[("a", FLOAT), ("b", FLOAT)]);
    let columns = r#"{"inputs":{"a_in":[[2]],"b_in":1e20}}"#;
    assert_eq!(floats.predict(columns), (200, expected("col 2")));
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn parse_errors_have_the_original_text_and_offset() {
    let golden = FAMILY.text("golden_rapidjson.txt");
    let server = Server::start(&[("x", FLOAT)]);
    let cases: Vec<(&str, &str)> = golden.lines().filter_map(|line| line.split_once("=> ")).collect();
    assert!(cases.len() > 10);
    for (padded, outcome) in cases {
        let text = match padded.trim_end() {
            // The only text of spaces: three of them, as its offset says.
            "" => "   ",
            text => text,
        };
        let (status, body) = server.predict(text);
        let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let error = answer["error"].as_str().unwrap_or_default();
        match outcome.starts_with("JSON Parse error") {
            true => assert_eq!((status, error), (400, outcome), "{text}"),
            false => assert!(!error.starts_with("JSON Parse error"), "{text}: {error}"),
        }
    }
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn numbers_are_printed_as_the_original_prints_them() {
    let golden = FAMILY.text("golden_rapidjson.txt");
    let server = Server::start(&[("x", FLOAT)]);
    let cases: Vec<(&str, &str)> = golden
        .lines()
        .filter_map(|line| line.split_once(" -> "))
        .collect();
    assert!(cases.len() > 10);
    for (number, printed) in cases {
        // A whole zero has no sign in JSON as the original reads it.
        let number = if number == "-0" { "-0.0" } else { number };
        let (_, body) = server.predict(&format!("{{\"instances\":[{number}]}}"));
        assert_eq!(
            body,
            format!("{{\n    \"predictions\": [{printed}\n    ]\n}}"),
            "{number}"
        );
    }
}
