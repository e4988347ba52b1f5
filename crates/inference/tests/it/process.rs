//! The program: what it prints, how it ends.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::bundles::Vault;
use crate::support::{as_rows, held_back, model};

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
    for arguments in [["--help"], ["--port=x"]] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(255));
        assert!(texts(&output).0.contains("\t--model_config_file=\"\"\tstring\t"));
    }
    let output = run(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    let (stdout, _) = texts(&output);
    let lines = stdout.lines().collect::<Vec<_>>();
    assert!(lines[0].starts_with("TensorFlow ModelServer: "), "{stdout}");
    assert_eq!(lines[1..], ["TensorFlow Library: none"]);
}

#[test]
fn an_unknown_argument_is_told_and_passed_over() {
    let output = run(&[
        "--undertow=1",
        "--model_base_path=/nowhere",
        "--rest_api_port=8500",
    ]);
    let (stdout, stderr) = texts(&output);
    assert!(
        stdout.starts_with("unknown argument: --undertow=1\nusage: "),
        "{stdout}"
    );
    assert!(stdout.contains("\nFailed to start server. Error: "), "{stdout}");
    assert!(stderr.contains("REST is not served"), "{stderr}");
}

#[test]
fn bad_configuration_files_end_it_with_their_place() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("config.txt");
    let refused = |flags: &[&str], text: &[u8]| {
        fs::write(&path, text).expect("write");
        let named = flags
            .iter()
            .map(|flag| flag.replace('@', &path.display().to_string()));
        let arguments: Vec<String> = named.chain(["--model_base_path=/nowhere".to_owned()]).collect();
        let output = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(255));
        let (stdout, stderr) = texts(&output);
        assert!(stderr.contains("code=\"input.invalid\""), "{stderr}");
        let stdout = stdout.replace(&path.display().to_string(), "@");
        let error = stdout
            .strip_prefix("Failed to start server. Error: ")
            .expect("the prefix");
        error.to_owned()
    };
    let monitoring = ["--monitoring_config_file=@"];
    let parsing = "Invalid protobuf file: '@': Error parsing text-format tensorflow.serving.";
    assert!(
        refused(&monitoring, b"prometheus_config {\n  enabled: true }").starts_with(&format!(
            "{parsing}MonitoringConfig: 2:3: field 'enabled' not found"
        ))
    );
    assert!(refused(&monitoring, &[0xff, 0xfe]).starts_with("Invalid protobuf file: '@'"));
    assert!(refused(&monitoring, "prometheus_config {".repeat(100_000).as_bytes()).contains("nested deeper"));
    assert!(refused(&monitoring, &vec![b' '; 5 << 20]).contains("is longer than"));
    assert!(refused(&["--monitoring_config_file=/nowhere/at/all"], b"").contains("No such file"));
    assert!(
        refused(&["--ssl_config_file=@"], b"server_key: SECRET")
            .starts_with(&format!("{parsing}SSLConfig: 1:13: this is not understood"))
    );
    let batching = ["--batching_parameters_file=@", "--enable_batching"];
    assert!(
        refused(&batching, b"num_batch_threads { value: 0 }")
            .starts_with("num_batch_threads must be positive")
    );
    assert!(refused(&batching[..1], b"").contains("without setting server_options.enable_batching"));
}

/// The program, serving, with an empty folder of its own for everything that it might write.
struct Serving {
    child: Child,
    folder: tempfile::TempDir,
}

impl Serving {
    fn start(flags: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let own = folder.path().join("own");
        fs::create_dir(&own).expect("a folder");
        let child = Command::new(env!("CARGO_BIN_EXE_strongroom-inference"))
            .args([
                "--listen_address=127.0.0.1",
                "--ephemeral_ports",
                "--rest_api_port=1",
            ])
            .arg(format!(
                "--ready_file={}",
                folder.path().join("ready.json").display()
            ))
            .args(flags)
            .env_clear()
            .envs(["TMPDIR", "HOME"].map(|name| (name, &own)))
            .current_dir(&own)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        let mut serving = Self { child, folder };
        while !serving.folder.path().join("ready.json").exists() {
            assert!(
                serving.child.try_wait().expect("a child").is_none(),
                "the server has ended"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        serving
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn sigterm_ends_it_with_success() {
    let base = format!("--model_base_path={}", model("onnx/model.onnx").display());
    let mut serving = Serving::start(&[base]);
    let text = fs::read_to_string(serving.folder.path().join("ready.json")).expect("the ready file");
    assert!(
        text.contains("\"grpc_addr\":\"127.0.0.1:") && text.contains("\"rest_addr\""),
        "{text}"
    );
    let pid = rustix::process::Pid::from_child(&serving.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
    assert_eq!(serving.child.wait().expect("an end").code(), Some(0));
}

#[test]
fn sigterm_lets_a_request_in_flight_end() {
    let base = format!("--model_base_path={}", model("onnx/model.onnx").display());
    let mut serving = Serving::start(&["--model_name=digits".to_owned(), base]);
    let text = fs::read_to_string(serving.folder.path().join("ready.json")).expect("the ready file");
    let ready: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let address = ready["rest_addr"].as_str().expect("an address");
    let (images, _) = held_back();
    let body = json!({"instances": [as_rows(&images[0])]}).to_string();
    let (first, rest) = body.split_at(body.len() / 2);
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(
        stream,
        "POST /v1/models/digits:predict HTTP/1.1\r\nhost: m\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .expect("a head");
    // Leave to send the body shows that the request is in flight.
    let mut leave = [0; 25];
    stream.read_exact(&mut leave).expect("an interim answer");
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(first.as_bytes()).expect("half a body");
    let pid = rustix::process::Pid::from_child(&serving.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
    // The port closes as soon as the signal has arrived.
    while TcpStream::connect(address).is_ok() {
        std::thread::sleep(Duration::from_millis(10));
    }
    stream.write_all(rest.as_bytes()).expect("the other half");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(serving.child.wait().expect("an end").code(), Some(0));
}

#[tokio::test]
async fn nothing_of_a_model_is_written_anywhere() {
    let vault = Vault::new();
    let digest = vault.encrypt("onnx/model.onnx", "digits.bundle").await;
    let serving = Serving::start(&vault.flags("digits.bundle", &[digest]));
    let own = fs::read_dir(serving.folder.path().join("own")).expect("a folder");
    assert_eq!(own.count(), 0);
    // Nor is a file open for writing, which it could have unlinked at once.
    let process = format!("/proc/{}", serving.child.id());
    for entry in fs::read_dir(format!("{process}/fd")).expect("open files") {
        let path = entry.expect("an entry").path();
        let target = fs::read_link(&path).expect("a link");
        if !target.is_absolute() || target.starts_with("/dev") {
            continue;
        }
        let number = path.file_name().expect("a number").to_string_lossy().into_owned();
        let info = fs::read_to_string(format!("{process}/fdinfo/{number}")).expect("facts of a file");
        let flags = info
            .lines()
            .find_map(|line| line.strip_prefix("flags:"))
            .expect("flags")
            .trim();
        let flags = u32::from_str_radix(flags, 8).expect("an octal number");
        assert_eq!(flags & 0o3, 0, "{} is open for writing", target.display());
    }
}
