//! A coordinator made by hand: it says what a test wants it to say, over TLS 1.3 on a free port.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};
use strongroom_api::coordinator::bytes::{Base64, Hex32};
use strongroom_api::coordinator::log::{Actor, Entry, Head, Record};
use strongroom_attest::platform::software::{Authority, Statement};
use strongroom_attest::{Binding, CoordinatorBinding, Platform, Protection};
use strongroom_client::policy::Draft;
use strongroom_client::{
    Caller, ClientPolicy, Coordinator, Endorsements, LogHead, SystemRandom, UserIdentity,
};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::{Certificate, Names};
use strongroom_ratls::{
    Alpn, ClientCertificates, Identity, ServerSettings, Versions, exporter, server_config,
};
use tokio::net::TcpListener;

/// The tests' now. Certificates are wide enough for the clock that TLS itself reads.
pub(crate) const NOW: UnixTime = UnixTime(1_800_000_000);
const DEPLOYMENT: [u8; 16] = [7; 16];
pub(crate) const MEASUREMENT: &[u8] = b"the genuine coordinator";

/// What the coordinator says. Tests change one thing.
#[derive(Clone)]
pub(crate) struct Says {
    pub(crate) measurement: Digest32,
    pub(crate) phase: &'static str,
    /// The manifest that it serves.
    pub(crate) manifest: Vec<u8>,
    /// The manifest that its evidence names.
    pub(crate) manifest_digest: Option<Digest32>,
    /// The manifest that its status names.
    pub(crate) status_digest: Digest32,
    /// Added to the exporter that its evidence is bound to: somebody else's connection.
    pub(crate) exporter_flip: u8,
    pub(crate) entries: Vec<Entry>,
    pub(crate) marble_root: Certificate,
    /// The root that its status names in place of its own.
    pub(crate) status_root: Option<Certificate>,
    /// Presented by TLS in place of the root that the evidence names.
    pub(crate) other_certificate: bool,
    /// What everything is answered, where it refuses everything.
    pub(crate) refuses: Option<(StatusCode, Value)>,
    /// What a write is answered.
    pub(crate) put: (StatusCode, Value),
}

/// Everything that stays the same while a coordinator changes its words.
pub(crate) struct World {
    pub(crate) platform: Arc<Authority>,
    pub(crate) root: Certificate,
    root_key: SigningKey,
    pub(crate) owner: UserIdentity,
    endorsements: Endorsements,
    pub(crate) says: Says,
}

/// Paths and bodies of what a coordinator was sent.
pub(crate) type Received = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A running coordinator.
pub(crate) struct Running {
    pub(crate) coordinator: Coordinator,
    /// Paths and bodies of what it was sent.
    pub(crate) received: Received,
}

impl World {
    pub(crate) fn new() -> Self {
        let platform = Authority::generate(NOW, &SystemRandom).unwrap();
        let (root, root_key) = authority("coordinator");
        let owner = UserIdentity::new("owner", NOW, &SystemRandom).unwrap();
        let manifest = manifest(&platform, &owner);
        let entries = entries(3);
        let says = Says {
            measurement: sha256(MEASUREMENT),
            phase: "running",
            manifest_digest: Some(sha256(&manifest)),
            status_digest: sha256(&manifest),
            manifest,
            exporter_flip: 0,
            refuses: None,
            put: (StatusCode::OK, json!({ "log_head": wire(&head(&entries)) })),
            entries,
            marble_root: authority("marble root").0,
            status_root: None,
            other_certificate: false,
        };
        Self {
            platform: Arc::new(platform),
            root,
            root_key,
            owner,
            endorsements: Endorsements::none(),
            says,
        }
    }

    /// A policy that accepts the genuine coordinator with the genuine manifest.
    pub(crate) fn policy(&self) -> ClientPolicy {
        self.draft().finish().unwrap()
    }

    pub(crate) fn draft(&self) -> Draft {
        Draft {
            platform: Platform::Software,
            roots: vec![self.platform.root().to_pem()],
            measurements: vec![sha256(MEASUREMENT).into()],
            protection: vec![Protection::Simulated],
            manifests: vec![sha256(&manifest(&self.platform, &self.owner))],
        }
    }

    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller {
            now: NOW,
            random: &SystemRandom,
            identity: Some(&self.owner),
            endorsements: &self.endorsements,
        }
    }

    /// Starts a coordinator that says what is now in `says`.
    pub(crate) async fn start(&self) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let identity = if self.says.other_certificate {
            let (certificate, key) = authority("another");
            Identity::new(&[certificate], &key).unwrap()
        } else {
            Identity::new(std::slice::from_ref(&self.root), &self.root_key).unwrap()
        };
        let settings = ServerSettings {
            versions: Versions::Tls13,
            clients: ClientCertificates::Optional,
            alpn: Alpn::Http1,
        };
        let config = server_config(Arc::new(Presents(identity.certified_key())), settings).unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(config);
        let received = Arc::new(Mutex::new(Vec::new()));
        let server = Arc::new(Server {
            says: self.says.clone(),
            platform: Arc::clone(&self.platform),
            root: self.root.clone(),
            received: Arc::clone(&received),
        });
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let Ok(tls) = acceptor.accept(tcp).await else {
                    continue;
                };
                let exporter = exporter(tls.get_ref().1).unwrap();
                let server = Arc::clone(&server);
                tokio::spawn(async move {
                    let answer = service_fn(move |request| {
                        let server = Arc::clone(&server);
                        async move { Ok::<_, Infallible>(server.answer(request, exporter).await) }
                    });
                    // The client hangs up when it has seen enough.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(tls), answer)
                        .await;
                });
            }
        });
        Running {
            coordinator: Coordinator::at(&address).unwrap(),
            received,
        }
    }
}

struct Server {
    says: Says,
    platform: Arc<Authority>,
    root: Certificate,
    received: Received,
}

impl Server {
    async fn answer(&self, request: Request<Incoming>, exporter: [u8; 32]) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let path = parts.uri.path().to_owned();
        self.received.lock().unwrap().push((path.clone(), body.to_vec()));
        let (status, answer) = match (parts.method, path.as_str()) {
            _ if self.says.refuses.is_some() => self.says.refuses.clone().unwrap(),
            (Method::POST, "/api/v3/evidence") => (StatusCode::OK, self.evidence(&body, exporter)),
            (Method::GET, "/api/v3/status") => (StatusCode::OK, self.status()),
            (Method::GET, "/api/v2/manifest") => (StatusCode::OK, self.manifest()),
            (Method::GET, "/api/v3/log") => (StatusCode::OK, self.log(parts.uri.query().unwrap_or_default())),
            (Method::PUT, "/api/v3/secrets") => self.says.put.clone(),
            (Method::POST, "/api/v2/manifest") => {
                (StatusCode::OK, json!({ "status": "success", "data": null }))
            }
            _ => (
                StatusCode::NOT_FOUND,
                json!({ "code": "request.not_found", "message": "", "request_id": "" }),
            ),
        };
        let body = Full::new(Bytes::from(answer.to_string()));
        Response::builder().status(status).body(body).unwrap()
    }

    fn evidence(&self, request: &[u8], mut exporter: [u8; 32]) -> Value {
        let request: Value = serde_json::from_slice(request).unwrap();
        let nonce: Base64 = serde_json::from_value(request["nonce"].clone()).unwrap();
        exporter[0] ^= self.says.exporter_flip;
        let head = head(&self.says.entries);
        let binding = Binding::Coordinator(CoordinatorBinding {
            nonce: nonce.0.try_into().unwrap(),
            exporter,
            root_certificate: self.root.der().to_vec(),
            phase: self.says.phase.to_owned(),
            manifest_digest: self.says.manifest_digest,
            log_head: strongroom_attest::LogHead {
                epoch: head.epoch,
                size: head.size,
                hash: head.hash,
            },
        });
        let evidence = self.platform.issue(&Statement {
            simulator_version: "test".to_owned(),
            report_data: binding.report_data(),
            measurement: self.says.measurement,
            workload: None,
            issued_at: NOW,
            debug: false,
        });
        json!({
            "evidence": Base64(evidence.to_bytes()),
            "root_certificate": Base64(self.root.der().to_vec()),
            "phase": self.says.phase,
            "manifest_digest": self.says.manifest_digest,
            "log_head": wire(&head),
        })
    }

    fn status(&self) -> Value {
        json!({
            "phase": self.says.phase, "simulated": true, "platform": "software",
            "manifest_digest": self.says.status_digest, "revision": 1,
            "marble_root": self.says.marble_root.to_pem(), "root": self.says.status_root.as_ref().unwrap_or(&self.root).to_pem(),
            "secrets": { "digits-key": { "set": false, "guarded": true } },
            "log_head": wire(&head(&self.says.entries)),
        })
    }

    fn manifest(&self) -> Value {
        json!({ "status": "success", "data": {
            "manifestSignatureRootECDSA": "", "manifestFingerprint": "",
            "manifest": Base64(self.says.manifest.clone()),
        } })
    }

    /// Two entries at a time, whatever was asked for.
    fn log(&self, query: &str) -> Value {
        let from = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("from="))
            .unwrap_or("0");
        let from: usize = from.parse().unwrap();
        let entries: Vec<_> = self.says.entries.iter().skip(from).take(2).collect();
        json!({
            "deployment": hex::encode(DEPLOYMENT), "entries": entries, "checkpoint": null,
            "head": wire(&head(&self.says.entries)),
        })
    }
}

/// Presents one identity.
#[derive(Debug)]
struct Presents(Arc<CertifiedKey>);

impl ResolvesServerCert for Presents {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

pub(crate) fn authority(name: &str) -> (Certificate, SigningKey) {
    let key = SigningKey::generate_p384();
    let template = Template {
        common_name: name.to_owned(),
        names: Names {
            dns: vec!["localhost".to_owned()],
            ip: Vec::new(),
        },
        not_before: UnixTime(1_000_000_000),
        not_after: UnixTime(9_000_000_000),
        usage: Usage::Authority,
        extensions: Vec::new(),
    };
    (issue::self_signed(&template, &key, &SystemRandom).unwrap(), key)
}

pub(crate) fn manifest(platform: &Authority, owner: &UserIdentity) -> Vec<u8> {
    json!({
        "Packages": { "inference": {
            "Platform": "software", "Measurements": [sha256(b"launcher")], "Workloads": [sha256(b"workload")],
            "Roots": [platform.root().to_pem()], "Protection": ["simulated"],
        } },
        "Marbles": { "inference": { "Package": "inference", "DNSNames": ["localhost"], "Models": ["digits"] } },
        "Models": { "digits": {
            "Bundles": [sha256(b"bundle")], "Store": "file:///models/digits", "Key": "digits-key", "Clients": "anyone",
        } },
        "Secrets": { "digits-key": { "Type": "symmetric-key", "Size": 256, "UserDefined": true } },
        "Users": { "owner": { "Certificate": owner.certificate().to_pem(), "Roles": ["model-owner"] } },
        "Roles": { "model-owner": {
            "ResourceType": "Secrets", "ResourceNames": ["digits-key"], "Actions": ["WriteSecret"],
        } },
    })
    .to_string()
    .into_bytes()
}

pub(crate) fn entries(count: u64) -> Vec<Entry> {
    let record = |sequence| Record {
        epoch: 0,
        sequence,
        time_ms: NOW.0 * 1000 + sequence,
        actor: Actor::Coordinator,
        event: "activated".to_owned(),
        details: [("marble".to_owned(), "inference".to_owned())].into(),
    };
    let entry = |record: Record| Entry {
        record_digest: Hex32(sha256(&record.canonical_bytes()).0),
        sealed_hash: Hex32(sha256(b"sealed").0),
        record: Some(record),
    };
    (0..count).map(record).map(entry).collect()
}

pub(crate) fn head(entries: &[Entry]) -> LogHead {
    entries.iter().fold(LogHead::genesis(&DEPLOYMENT), |head, entry| {
        head.append_digest(
            0,
            &Digest32(entry.record_digest.0),
            &Digest32(entry.sealed_hash.0),
        )
    })
}

pub(crate) fn wire(head: &LogHead) -> Head {
    Head {
        epoch: head.epoch,
        size: head.size,
        hash: Hex32(head.hash.0),
    }
}
