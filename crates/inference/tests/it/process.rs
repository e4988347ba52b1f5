//! The program: what it prints, how it ends.

use std::fs;
use std::process::{Command, Output};

use serde_json::json;

fn run(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_strongroom-inference");
    Command::new(program)
        .args(arguments)
        .env_clear()
        .output()
        .expect("the program runs")
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_server_that_cannot_start_says_so_where_operators_look() {
    let output = run(&["--port=1", "--model_base_path=/nowhere"]);
    let (stdout, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(255));
    assert!(stdout.starts_with("Failed to start server. Error: "), "{stdout}");
    assert!(stderr.contains("code=\"store.not_found\""), "{stderr}");
}

#[test]
fn in_confidential_mode_a_refusal_has_its_own_exit_code() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("provision.json");
    fs::write(&path, json!({"format": "strongroom.provision.v1"}).to_string()).expect("write");
    let flag = format!("--provision_file={}", path.display());
    let output = run(&[&flag]);
    assert_eq!(output.status.code(), Some(3));
    assert!(texts(&output).1.contains("code=\"provision.malformed\""));
    let output = run(&[&flag, "--log_format=json"]);
    assert!(texts(&output).1.contains("\"code\":\"provision.malformed\""));
}

#[test]
fn flags_are_checked_before_anything_is_done() {
    let output = run(&["--model_bundle_digset=m=00"]);
    assert_eq!(output.status.code(), Some(255));
    let (stdout, _) = texts(&output);
    assert!(
        stdout.starts_with("unknown argument: --model_bundle_digset=m=00 (did you mean"),
        "{stdout}"
    );
    let output = run(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(texts(&output).0.starts_with("TensorFlow ModelServer: "));
}
