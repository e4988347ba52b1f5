//! Models, configuration and answers of TensorFlow Serving, held against our server as a process: bytes over HTTP.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use strongroom_vectors::Family;

const FAMILY: Family = Family {
    folder: "tensorflow-serving",
    used: &["golden_rapidjson.txt", "monitoring_config.txt"],
    not_yet: NOT_YET,
};

const NOT_YET: &[(&str, &str)] = &[
    ("README.md", "says where the files come from; no data"),
    ("models/*", "SavedModels wait for an engine that loads them"),
    ("good_model_config.txt", "waits for model configuration files"),
    ("bad_model_config.txt", "waits for model configuration files"),
    ("batching_config.txt", "waits for batching"),
    ("golden_x2.json", "waits for an engine that loads SavedModels"),
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

/// Layouts of answers. Those of classify and regress, and of strings, wait for an engine that gives them; an empty batch
/// cannot be asked for in rows; the error's name cannot be sent.
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

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn a_monitoring_file_switches_metrics_on() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("monitoring_config.txt");
    fs::write(&file, FAMILY.read("monitoring_config.txt")).expect("write");
    let flag = format!("--monitoring_config_file={}", file.display());
    let with = Server::start_with(&[("x", FLOAT)], &[flag]);
    let (status, body) = with.get("/monitoring/prometheus/metrics");
    assert_eq!(status, 200);
    assert!(body.contains("# TYPE :tensorflow:serving:request_count counter\n"));
    let without = Server::start(&[("x", FLOAT)]);
    assert_eq!(without.get("/monitoring/prometheus/metrics").0, 404);
}

/// Our server with a model that gives back what it gets.
struct Server {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(tensors: &[(&str, u64)]) -> Self {
        Self::start_with(tensors, &[])
    }

    fn start_with(tensors: &[(&str, u64)], flags: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let model = folder.path().join("identity.onnx");
        fs::write(&model, identity_model(tensors)).expect("write");
        let ready = folder.path().join("ready.json");
        let mut child = Command::new(program())
            .args([
                "--model_name=m",
                "--listen_address=127.0.0.1",
                "--ephemeral_ports",
                "--rest_api_port=1",
            ])
            .arg(format!("--model_base_path={}", model.display()))
            .arg(format!("--ready_file={}", ready.display()))
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let begin = Instant::now();
        while !ready.exists() {
            assert!(
                child.try_wait().expect("a child").is_none(),
                "the server has ended"
            );
            assert!(begin.elapsed() < PATIENCE, "the server is not ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        let ready = fs::read(&ready).expect("the ready file");
        let ready: serde_json::Value = serde_json::from_slice(&ready).expect("JSON");
        let address = ready["rest_addr"].as_str().expect("an address").to_owned();
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    fn predict(&self, body: &str) -> (u16, String) {
        let length = body.len();
        self.exchange(&format!(
            "POST /v1/models/m:predict HTTP/1.1\r\nhost: m\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.exchange(&format!(
            "GET {path} HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n"
        ))
    }

    fn exchange(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        stream.write_all(request.as_bytes()).expect("write");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read");
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        let status = head.split(' ').nth(1).expect("a status");
        (status.parse().expect("a number"), body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("tests lie in target/PROFILE/deps");
    let path = profile.join("strongroom-inference");
    assert!(
        path.is_file(),
        "{} is missing: run `cargo test --workspace`, which builds it",
        path.display()
    );
    path
}

/// An ONNX file (onnx.proto3, by field number) that gives back each tensor under its name, through `NAME_in`.
fn identity_model(tensors: &[(&str, u64)]) -> Vec<u8> {
    let mut graph = Vec::new();
    for (name, dtype) in tensors {
        let mut node = bytes_field(1, format!("{name}_in").as_bytes());
        node.extend(bytes_field(2, name.as_bytes()));
        node.extend(bytes_field(4, b"Identity"));
        graph.extend(bytes_field(1, &node));
        let tensor_type = bytes_field(2, &bytes_field(1, &varint_field(1, *dtype)));
        let value = |name: &str| [bytes_field(1, name.as_bytes()), tensor_type.clone()].concat();
        graph.extend(bytes_field(11, &value(&format!("{name}_in"))));
        graph.extend(bytes_field(12, &value(name)));
    }
    let mut model = varint_field(1, 8);
    model.extend(bytes_field(7, &graph));
    model.extend(bytes_field(8, &varint_field(2, 17)));
    model
}

fn bytes_field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    field.extend(varint(bytes.len() as u64));
    field.extend(bytes);
    field
}

fn varint_field(number: u8, value: u64) -> Vec<u8> {
    let mut field = vec![number << 3];
    field.extend(varint(value));
    field
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Element types of ONNX.
const FLOAT: u64 = 1;
const INT64: u64 = 7;
const PATIENCE: Duration = Duration::from_secs(60);
