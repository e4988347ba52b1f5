//! Our coordinator on simulated hardware: real processes, built by the same `cargo test --workspace`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use strongroom_crypto::issue::{Template, Usage, self_signed};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, Names};
use strongroom_ratls::channel::HttpConnection;
use strongroom_ratls::danger::connect_unverified;
use strongroom_ratls::{Alpn, Identity, Target};

use super::capture::Answer;

/// How long a program may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program that ends with the test.
struct Running {
    child: Child,
}

impl Running {
    fn start(command: &mut Command, log: &Path, ready: &Path) -> Self {
        // A file of an earlier run would say that the new one is ready.
        let _ = std::fs::remove_file(ready);
        let output = std::fs::File::create(log).expect("the log can be made");
        let errors = output.try_clone().expect("the log can be shared");
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let child = child.unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
        let mut running = Self { child };
        let start = Instant::now();
        while !ready.exists() {
            let said = || std::fs::read_to_string(log).unwrap_or_default();
            let ended = running.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "ended before it was ready:\n{}", said());
            assert!(start.elapsed() < PATIENCE, "does not get ready:\n{}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("tests lie in target/PROFILE/deps");
    let path = profile.join(name);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo test --workspace`, which builds it",
        path.display()
    );
    Command::new(path)
}

/// A machine of its own with the software platform on it.
pub(super) struct Machine {
    folder: tempfile::TempDir,
    _platform: Running,
}

impl Machine {
    /// Starts the platform.
    pub(super) fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("strongroom-vectors-")
            .tempdir()
            .expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let ready = at("hardware.ready");
        let mut command = program("strongroom-simulator");
        command.arg("--dir").arg(at("hardware"));
        command.arg("--socket").arg(at("hardware.sock"));
        command.arg("--ready-file").arg(&ready);
        let platform = Running::start(&mut command, &at("simulator.log"), &ready);
        Self {
            _platform: platform,
            folder,
        }
    }

    /// Where the machine keeps a coordinator's state.
    pub(super) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Starts a coordinator, named as the captured one was.
    pub(super) fn coordinator(&self, state: &Path) -> Coordinator {
        let at = |name: &str| self.folder.path().join(name);
        let ready = at("coordinator.ready");
        let mut command = program("strongroom-coordinator");
        command.args(["--tee", "software", "--simulator-socket"]);
        command.arg(at("hardware.sock")).arg("--ready-file").arg(&ready);
        command
            .env("EDG_COORDINATOR_CLIENT_ADDR", "127.0.0.1:0")
            .env("EDG_COORDINATOR_MESH_ADDR", "127.0.0.1:0")
            .env("EDG_COORDINATOR_DNS_NAMES", "localhost,example.test,10.1.2.3")
            .env("EDG_COORDINATOR_SEAL_DIR", state);
        let running = Running::start(&mut command, &at("coordinator.log"), &ready);
        let addresses = std::fs::read(&ready).expect("the ready file");
        let addresses: serde_json::Value = serde_json::from_slice(&addresses).expect("JSON");
        Coordinator {
            address: addresses["client_addr"].as_str().expect("an address").to_owned(),
            _running: running,
        }
    }
}

/// A running coordinator.
pub(super) struct Coordinator {
    address: String,
    _running: Running,
}

impl Coordinator {
    /// Sends one request over a connection of its own, as curl did. The captures say nothing about trust, so nobody is
    /// verified here. Also returns the certificate that the server presented.
    pub(super) async fn ask(
        &self,
        user: Option<&Identity>,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> (Answer, Certificate) {
        let mut target = Target::new(&self.address, Alpn::Http2).expect("an address");
        if let Some(user) = user {
            target = target.presenting(user.clone());
        }
        let session = connect_unverified(&target)
            .await
            .expect("the coordinator answers");
        let connection = HttpConnection::open(session).await.expect("HTTP on a session");
        let server = Certificate::parse(connection.session().server_certificate()).expect("a certificate");
        let mut request = http::Request::builder().method(method).uri(path);
        if !body.is_empty() {
            request = request.header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(Full::new(Bytes::from(body))).expect("a request");
        let answer = connection.send(request).await.expect("an answer");
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            Some(value.to_str().expect("a header is text").to_owned())
        };
        let (status, content_type) = (answer.status().as_u16(), header("content-type"));
        let sniffing = header("x-content-type-options");
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        let answer = Answer {
            status,
            content_type: content_type.unwrap_or_default(),
            sniffing,
            body: String::from_utf8(body.to_vec()).expect("answers are text"),
        };
        (answer, server)
    }
}

/// A user with a certificate of its own: the keys of the captured ones are not captured.
pub(super) struct User {
    /// The certificate, as PEM, for a manifest.
    pub(super) certificate: String,
    /// Certificate and key, for TLS.
    pub(super) identity: Identity,
}

impl User {
    /// Makes a user.
    pub(super) fn new(name: &str) -> Self {
        let template = Template {
            common_name: name.to_owned(),
            names: Names::default(),
            not_before: UnixTime(0),
            not_after: UnixTime(1 << 33),
            usage: Usage::Leaf,
            extensions: Vec::new(),
        };
        let key = SigningKey::generate_p384();
        let certificate = self_signed(&template, &key, &SystemRandom).expect("a certificate");
        let identity = Identity::new(std::slice::from_ref(&certificate), &key).expect("an identity");
        Self {
            certificate: certificate.to_pem(),
            identity,
        }
    }
}
