//! A running coordinator, its users, its manifest.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use strongroom_attest::Endorsements;
use strongroom_coordinator::app::{Coordinator, Parts};
use strongroom_coordinator::pki::coordinator_names;
use strongroom_coordinator::server::Ports;
use strongroom_coordinator::state::Now;
use strongroom_coordinator::store::file::FileStore;
use strongroom_coordinator::writer::OpenError;
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::{Certificate, Names};
use strongroom_ratls::channel::HttpConnection;
use strongroom_ratls::danger::connect_unverified;
use strongroom_ratls::{Alpn, Identity, Session, Target};
use strongroom_service::Shutdown;

use crate::platform::{Machine, NOW};

/// What the workload's launcher measures as.
pub(crate) const LAUNCHER: &str = "launcher";
/// What the coordinator measures as.
pub(crate) const COORDINATOR: &str = "coordinator";

pub(crate) fn workload() -> Digest32 {
    sha256(b"workload description")
}

/// Somebody with a certificate.
pub(crate) struct Person {
    key: SigningKey,
    certificate: Certificate,
}

impl Person {
    pub(crate) fn new(name: &str) -> Self {
        Self::valid_until(name, 3600)
    }

    /// A certificate that ends so many seconds after [`NOW`], or before it.
    pub(crate) fn valid_until(name: &str, seconds: i64) -> Self {
        let key = SigningKey::generate_p384();
        let template = Template {
            common_name: name.to_owned(),
            names: Names::default(),
            not_before: NOW.minus(86_400),
            not_after: strongroom_crypto::time::UnixTime(NOW.0.saturating_add_signed(seconds)),
            usage: Usage::Leaf,
            extensions: Vec::new(),
        };
        let certificate = issue::self_signed(&template, &key, &SystemRandom).expect("a certificate");
        Self { key, certificate }
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.to_pem()
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity::new(std::slice::from_ref(&self.certificate), &self.key).expect("an identity")
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }
}

/// A manifest with one model and what goes with it.
pub(crate) fn manifest(machine: &Machine, owner: &Person, other: &Person) -> Value {
    json!({
        "Packages": {"launcher": {
            "Platform": "software",
            "Roots": [machine.root_pem()],
            "Measurements": [sha256(LAUNCHER.as_bytes()).to_string()],
            "Workloads": [workload().to_string()],
            "Protection": ["simulated"],
        }},
        "Marbles": {
            "inference": {"Package": "launcher", "Models": ["digits"], "DNSNames": ["inference.test"]},
            "plain": {"Package": "launcher", "MaxActivations": 2, "Parameters": {
                "Files": {"/cfg/own": "{{ hex .Secrets.own }}", "/cfg/shared": "{{ raw .Secrets.shared }}"},
                "Env": {"NOTE": "{{ string .Secrets.note }}"},
                "Argv": ["program", "--flag"],
            }},
        },
        "Models": {"digits": {
            "Bundles": [sha256(b"bundle").to_string()],
            "Store": "file:///models/digits",
            "Key": "digits-key",
            "Clients": "anyone",
        }},
        "Secrets": {
            "digits-key": {"Type": "symmetric-key", "Size": 256, "UserDefined": true},
            "own": {"Type": "symmetric-key", "Size": 128},
            "shared": {"Type": "symmetric-key", "Size": 256, "Shared": true},
            "note": {"Type": "plain", "UserDefined": true},
        },
        "Users": {
            "owner": {"Certificate": owner.pem(), "Roles": ["keys", "notes"]},
            "other": {"Certificate": other.pem(), "Roles": ["notes-reader"]},
        },
        "Roles": {
            "keys": {"ResourceType": "Secrets", "ResourceNames": ["digits-key"], "Actions": ["WriteSecret"]},
            "notes": {"ResourceType": "Secrets", "ResourceNames": ["note"], "Actions": ["ReadSecret", "WriteSecret"]},
            "notes-reader": {"ResourceType": "Secrets", "ResourceNames": ["shared"], "Actions": ["ReadSecret"]},
        },
    })
}

/// A coordinator that serves both ports.
pub(crate) struct Running {
    pub(crate) client: SocketAddr,
    pub(crate) mesh: SocketAddr,
    pub(crate) coordinator: Arc<Coordinator>,
    clock: Arc<AtomicU64>,
    shutdown: Shutdown,
    serving: tokio::task::JoinHandle<()>,
}

/// Opens the state in `folder` on `machine`.
pub(crate) async fn open(
    machine: &Machine,
    program: &str,
    folder: &Path,
) -> Result<(Arc<Coordinator>, Arc<AtomicU64>), OpenError> {
    let clock = Arc::new(AtomicU64::new(NOW.0 * 1000));
    let reading = clock.clone();
    let parts = Parts {
        store: Arc::new(FileStore::open(folder)?),
        attester: machine.for_program(program),
        random: Arc::new(SystemRandom),
        clock: Arc::new(move || Now {
            ms: reading.load(Ordering::SeqCst),
        }),
        names: coordinator_names(["localhost"]),
        endorsements: Endorsements::none(),
        version: "test".to_owned(),
    };
    Ok((Coordinator::open(parts).await?, clock))
}

pub(crate) async fn start(machine: &Machine, folder: &Path) -> Running {
    start_program(machine, COORDINATOR, folder).await
}

pub(crate) async fn start_program(machine: &Machine, program: &str, folder: &Path) -> Running {
    let (coordinator, clock) = open(machine, program, folder).await.expect("the state opens");
    let any = "127.0.0.1:0".parse().expect("an address");
    let ports = Ports::bind(&any, &any).await.expect("ports");
    let (client, mesh) = ports.addresses();
    let shutdown = Shutdown::new();
    let (serving_coordinator, serving_shutdown) = (coordinator.clone(), shutdown.clone());
    let serving = tokio::spawn(async move {
        // A writer that ended is a test's own doing.
        let _ = ports.serve(serving_coordinator, serving_shutdown).await;
    });
    let (client, mesh) = (client.expect("tcp"), mesh.expect("tcp"));
    Running {
        client,
        mesh,
        coordinator,
        clock,
        shutdown,
        serving,
    }
}

/// An answer of the REST port.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The code of a problem.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Running {
    /// Stops serving, and waits until the state is closed.
    pub(crate) async fn stop(self) {
        self.shutdown.trigger();
        self.serving.await.expect("served");
        drop(self.coordinator);
        // The writer ends when its last handle is gone, and with it the lock.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }

    pub(crate) fn set_clock(&self, seconds: u64) {
        self.clock.store(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) async fn session(
        &self,
        address: SocketAddr,
        identity: Option<Identity>,
        alpn: Alpn,
    ) -> Session {
        let target = Target::new(&address.to_string(), alpn).expect("a target");
        let target = match identity {
            Some(identity) => target.presenting(identity),
            None => target,
        };
        connect_unverified(&target).await.expect("connects")
    }

    pub(crate) async fn ask(
        &self,
        who: Option<&Person>,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Answer {
        let session = self
            .session(self.client, who.map(Person::identity), Alpn::Http1)
            .await;
        let connection = HttpConnection::open(session).await.expect("HTTP");
        send(&connection, method, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(None, "GET", path, "").await
    }

    /// Sets the manifest and returns its digest.
    pub(crate) async fn set_manifest(&self, manifest: &Value) -> Digest32 {
        let raw = manifest.to_string();
        let body = json!({"manifest": base64(raw.as_bytes())}).to_string();
        let answer = self.ask(None, "POST", "/api/v2/manifest", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        sha256(raw.as_bytes())
    }

    /// Uploads the secrets that users define.
    pub(crate) async fn set_secrets(&self, owner: &Person, digest: Digest32) {
        let secrets = json!({"digits-key": {"Key": base64(&[7; 32])}, "note": {"Key": base64(b"hello")}});
        let body = json!({"manifest_digest": digest, "secrets": secrets}).to_string();
        let answer = self.ask(Some(owner), "PUT", "/api/v3/secrets", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
}

pub(crate) async fn send(
    connection: &HttpConnection,
    method: &str,
    path: &str,
    body: impl Into<Bytes>,
) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Full::new(body.into()))
        .expect("a request");
    let response = connection.send(request).await.expect("an answer");
    let status = response.status();
    let content_type = response
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let content_type = content_type.to_owned();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    Answer {
        status,
        content_type,
        text: String::from_utf8(bytes.to_vec()).expect("text"),
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(crate) fn unbase64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .expect("base64")
}

/// A machine, a folder, two people and a coordinator with a manifest.
pub(crate) struct Deployed {
    pub(crate) machine: Machine,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) owner: Person,
    pub(crate) other: Person,
    pub(crate) digest: Digest32,
    pub(crate) running: Running,
}

pub(crate) async fn deployed() -> Deployed {
    deployed_with(|_| {}).await
}

pub(crate) async fn deployed_with(change: impl FnOnce(&mut Value)) -> Deployed {
    let machine = Machine::new(1);
    let folder = tempfile::tempdir().expect("a folder");
    let (owner, other) = (Person::new("owner"), Person::new("other"));
    let running = start(&machine, &folder.path().join("state")).await;
    let mut manifest = manifest(&machine, &owner, &other);
    change(&mut manifest);
    let digest = running.set_manifest(&manifest).await;
    Deployed {
        machine,
        folder,
        owner,
        other,
        digest,
        running,
    }
}
