//! Our server as a process, with a model, and requests over plain HTTP.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::onnx::identity_model;

/// A server that serves one model, until this is dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    grpc: String,
    model: String,
    _folder: tempfile::TempDir,
}

impl Server {
    /// A model `m` that gives back what it gets.
    pub(crate) fn start(tensors: &[(&str, u64)]) -> Self {
        Self::start_with(tensors, &[])
    }

    /// The same with further flags.
    pub(crate) fn start_with(tensors: &[(&str, u64)], flags: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let model = folder.path().join("identity.onnx");
        fs::write(&model, identity_model(tensors)).expect("write");
        Self::serving("m", &model, flags)
    }

    /// What lies at `base_path`, as `model`.
    pub(crate) fn serving(model: &str, base_path: &Path, flags: &[String]) -> Self {
        Self::started(model, command(model, base_path).args(flags))
    }

    /// What the flags name.
    pub(crate) fn run(flags: &[String]) -> Self {
        Self::started("m", bare().args(flags))
    }

    fn started(model: &str, command: &mut Command) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let ready = folder.path().join("ready.json");
        let mut child = command
            .arg(format!("--ready_file={}", ready.display()))
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
        let address = |name: &str| ready[name].as_str().expect("an address").to_owned();
        Self {
            child,
            address: address("rest_addr"),
            grpc: address("grpc_addr"),
            model: model.to_owned(),
            _folder: folder,
        }
    }

    /// Where gRPC is served.
    pub(crate) fn grpc(&self) -> &str {
        &self.grpc
    }

    /// How a server with these flags ends.
    pub(crate) fn ending(flags: &[String]) -> Output {
        bare().args(flags).output().expect("the server starts")
    }

    /// How a server ends that cannot serve its model.
    pub(crate) fn refusing(base_path: &Path, flags: &[&str]) -> Output {
        command("m", base_path)
            .args(flags)
            .output()
            .expect("the server starts")
    }

    pub(crate) fn predict(&self, body: &str) -> (u16, String) {
        self.post("predict", body)
    }

    pub(crate) fn post(&self, verb: &str, body: &str) -> (u16, String) {
        self.ask(&format!("/v1/models/{}:{verb}", self.model), body)
    }

    pub(crate) fn ask(&self, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        self.exchange(&format!(
            "POST {path} HTTP/1.1\r\nhost: m\r\nconnection: close\r\ncontent-length: \
             {length}\r\n\r\n{body}"
        ))
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
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

fn command(model: &str, base_path: &Path) -> Command {
    let mut command = bare();
    command
        .arg(format!("--model_name={model}"))
        .arg(format!("--model_base_path={}", base_path.display()));
    command
}

fn bare() -> Command {
    let mut command = Command::new(program());
    command
        .args([
            "--listen_address=127.0.0.1",
            "--ephemeral_ports",
            "--port=1",
            "--rest_api_port=1",
        ])
        .stdin(Stdio::null());
    command
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

const PATIENCE: Duration = Duration::from_secs(60);
