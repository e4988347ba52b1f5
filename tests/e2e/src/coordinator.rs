//! A coordinator on simulated hardware, which tests kill and start again.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use strongroom_crypto::issue::{Template, Usage, self_signed};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Names;
use strongroom_ratls::channel::HttpConnection;
use strongroom_ratls::danger::connect_unverified;
use strongroom_ratls::{Alpn, Identity, Target};

use crate::process::{Running, program};

/// The simulated hardware of one machine, and a folder for what runs on it.
#[derive(Debug)]
pub struct Machine {
    folder: tempfile::TempDir,
    _simulator: Running,
}

impl Machine {
    /// Starts the software platform.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("strongroom-e2e-")
            .tempdir()
            .expect("a temporary folder");
        let ready = folder.path().join("hardware.ready");
        let mut command = Command::new(program("strongroom-simulator"));
        command.arg("--dir").arg(folder.path().join("hardware"));
        command
            .arg("--socket")
            .arg(folder.path().join("hardware.sock"))
            .arg("--ready-file")
            .arg(&ready);
        let mut simulator = Running::start(&mut command, &folder.path().join("simulator.log"));
        simulator.wait_until("the simulator's socket", || ready.exists());
        Self {
            folder,
            _simulator: simulator,
        }
    }

    /// The machine's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The platform's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder().join("hardware.sock")
    }

    /// The platform's root certificate, as PEM.
    ///
    /// # Panics
    /// If the simulator left none.
    #[must_use]
    pub fn root_pem(&self) -> String {
        std::fs::read_to_string(self.folder().join("hardware/root.pem"))
            .expect("the simulator writes its root")
    }

    /// Starts a coordinator whose state lies in the machine's folder `state`.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn coordinator(&self, state: &str) -> Coordinator {
        let mut command = Command::new(program("strongroom-coordinator"));
        command
            .args(["--tee", "software", "--simulator-socket"])
            .arg(self.socket());
        Coordinator::start(command, self.folder(), state)
    }
}

/// A running coordinator.
#[derive(Debug)]
pub struct Coordinator {
    running: Running,
    client: String,
    mesh: String,
}

impl Coordinator {
    /// Starts a coordinator on any ports, with its state in the folder `state` of `folder`. `command` names program and
    /// platform.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(mut command: Command, folder: &Path, state: &str) -> Self {
        let ready = folder.join("coordinator.ready");
        // A file of an earlier run would say that the new one is ready.
        let _ = std::fs::remove_file(&ready);
        command
            .arg("--ready-file")
            .arg(&ready)
            .env("EDG_COORDINATOR_CLIENT_ADDR", "127.0.0.1:0")
            .env("EDG_COORDINATOR_MESH_ADDR", "127.0.0.1:0")
            .env("EDG_COORDINATOR_DNS_NAMES", "localhost")
            .env("EDG_COORDINATOR_SEAL_DIR", folder.join(state));
        let mut running = Running::start(&mut command, &folder.join("coordinator.log"));
        running.wait_until("the coordinator", || ready.exists());
        let addresses: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&ready).expect("the ready file"))
                .expect("the ready file is JSON");
        let address = |name: &str| addresses[name].as_str().expect("an address").to_owned();
        Self {
            client: address("client_addr"),
            mesh: address("mesh_addr"),
            running,
        }
    }

    /// Address of the REST port.
    #[must_use]
    pub fn client_address(&self) -> &str {
        &self.client
    }

    /// Address of the gRPC port for marbles.
    #[must_use]
    pub fn mesh_address(&self) -> &str {
        &self.mesh
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.running.log()
    }

    /// SIGKILL.
    pub fn kill(self) {
        self.running.kill();
    }

    /// Opens a connection without verifying anybody: these tests look at durability, not at trust.
    ///
    /// # Panics
    /// If nobody answers.
    pub async fn connect(&self, user: Option<&Identity>) -> HttpConnection {
        connect(&self.client, user).await
    }
}

/// As [`Coordinator::connect`], where only the address is at hand.
///
/// # Panics
/// If nobody answers.
pub async fn connect(address: &str, user: Option<&Identity>) -> HttpConnection {
    let mut target = Target::new(address, Alpn::Http1).expect("an address");
    if let Some(user) = user {
        target = target.presenting(user.clone());
    }
    let session = connect_unverified(&target)
        .await
        .expect("the coordinator answers");
    HttpConnection::open(session).await.expect("HTTP on a session")
}

/// Sends a request and reads the JSON answer; `None` when the connection broke.
pub async fn ask(
    connection: &HttpConnection,
    method: http::Method,
    path: &str,
    body: Option<&serde_json::Value>,
) -> Option<(http::StatusCode, serde_json::Value)> {
    let body = body.map(serde_json::Value::to_string).unwrap_or_default();
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .ok()?;
    let answer = connection.send(request).await.ok()?;
    let status = answer.status();
    let bytes = answer.into_body().collect().await.ok()?.to_bytes();
    Some((status, serde_json::from_slice(&bytes).unwrap_or_default()))
}

/// A user with a certificate of its own.
#[derive(Debug)]
pub struct User {
    /// The certificate, as PEM, for a manifest.
    pub certificate: String,
    /// Certificate and key, for TLS.
    pub identity: Identity,
}

impl User {
    /// Makes a user whose certificate holds for `[now - 1 h, now + 1 d]`.
    ///
    /// # Panics
    /// If a certificate cannot be made.
    #[must_use]
    pub fn new(name: &str, now: UnixTime) -> Self {
        let template = Template {
            common_name: name.to_owned(),
            names: Names::default(),
            not_before: now.minus(3600),
            not_after: now.plus(86_400),
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

/// The time, read here once for all tests.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is its own main: the programs it runs read the same clock"
)]
pub fn now() -> UnixTime {
    UnixTime::from(std::time::SystemTime::now())
}
