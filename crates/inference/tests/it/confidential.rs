//! Confidential mode: everything comes from the provision file, nothing but health without TLS, clients per model.

use std::fs;
use std::path::Path;

use http::{Request, StatusCode};
use http_body_util::Full;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tonic::Code;

use crate::bundles::Vault;
use crate::grpc;
use crate::support::{Channel, ClientTls, Running, as_rows, get, request_tls, start, try_start};

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pub(crate) pem: String,
}

pub(crate) type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn server(&self, identity: &Path) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        fs::create_dir_all(identity).expect("a folder");
        fs::write(identity.join("key.pem"), key.serialize_pem()).expect("write");
        fs::write(identity.join("chain.pem"), certificate.pem()).expect("write");
    }

    pub(crate) fn client(&self) -> (Identity, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![]).expect("parameters");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let private = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        ((certificate.der().clone(), private), certificate.pem())
    }
}

impl Authority {
    /// A client that trusts servers of this authority.
    pub(crate) fn trusted_by(&self, identity: Option<Identity>) -> ClientTls {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        ClientTls { roots, identity }
    }
}

struct Deployment {
    vault: Vault,
    marble_root: Authority,
    provision: Value,
}

impl Deployment {
    /// Bundles `old` and `new` of the digits model, versions 1 and 2, for `clients`.
    async fn new(clients: Value) -> Self {
        let vault = Vault::new();
        fs::create_dir(vault.path("store")).expect("a folder");
        let old = vault
            .encrypt_unchecked("older/model.onnx", "store/old.bundle")
            .await;
        let new = vault.encrypt("onnx/model.onnx", "store/new.bundle").await;
        let marble_root = Authority::new();
        marble_root.server(&vault.path("identity"));
        let provision = json!({
            "format": "strongroom.provision.v1",
            "marble_type": "inference",
            "models": [{
                "name": "digits",
                "store": format!("file://{}", vault.path("store").display()),
                "bundles": [old.0.to_string(), new.0.to_string()],
                "key_id": vault.key.id().to_string(),
                "clients": clients,
            }],
            "identity": {
                "private_key": "identity/key.pem", "certificate_chain": "identity/chain.pem",
                "marble_root": "identity/marble_root.pem", "coordinator_root": "identity/coordinator_root.pem",
            },
            "keys_dir": "keys",
        });
        Self {
            vault,
            marble_root,
            provision,
        }
    }

    fn flags(&self) -> Vec<String> {
        let path = self.vault.path("provision.json");
        fs::write(&path, self.provision.to_string()).expect("write");
        vec![format!("--provision_file={}", path.display())]
    }

    async fn start(&self) -> Running {
        start(&self.flags()).await
    }

    async fn code(&self) -> &'static str {
        try_start(&self.flags())
            .await
            .map_or_else(|error| error.code(), |_| "ok")
    }

    fn client(&self, identity: Option<Identity>) -> ClientTls {
        self.marble_root.trusted_by(identity)
    }
}

pub(crate) async fn predict_rest(server: &Running, tls: &ClientTls) -> StatusCode {
    let body = json!({"instances": [as_rows(&vec![0.0; 64])]}).to_string();
    let request = Request::post("/v1/models/digits:predict")
        .body(Full::new(body.into()))
        .expect("a request");
    request_tls(server.addresses.rest_addr, tls, request).await.status
}

pub(crate) async fn predict_grpc(server: &Running, tls: &ClientTls) -> Code {
    let stream = tls
        .connect(server.addresses.grpc_addr, b"h2")
        .await
        .expect("a handshake");
    let mut client = Channel::over(stream).await.predictions();
    match client.predict(grpc::request(&[vec![0.0; 64]])).await {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serves_under_the_identity_of_the_provision_file_and_nothing_without_tls() {
    let deployment = Deployment::new(json!({"mode": "anyone"})).await;
    let server = deployment.start().await;
    let tls = deployment.client(None);
    assert_eq!(predict_rest(&server, &tls).await, StatusCode::OK);
    assert_eq!(predict_grpc(&server, &tls).await, Code::Ok);
    let strangers = ClientTls {
        roots: RootCertStore::empty(),
        identity: None,
    };
    assert!(
        strangers
            .connect(server.addresses.rest_addr, b"http/1.1")
            .await
            .is_err()
    );
    for address in [server.addresses.rest_addr, server.addresses.grpc_addr] {
        let plain = tokio::net::TcpStream::connect(address.expect("an address"))
            .await
            .expect("a connection");
        let (mut send, connection) =
            hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(plain))
                .await
                .expect("a start");
        tokio::spawn(connection);
        let request = Request::get("/v1/models/digits").body(Full::<hyper::body::Bytes>::default());
        assert!(send.send_request(request.expect("a request")).await.is_err());
    }
    let health = server.addresses.health_addr;
    assert_eq!(get(health, "/readyz").await.status, StatusCode::OK);
    assert_eq!(get(health, "/healthz").await.status, StatusCode::OK);
    assert_eq!(get(health, METRICS).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_behind_tls_where_they_are_switched_on() {
    let deployment = Deployment::new(json!({"mode": "anyone"})).await;
    let monitoring = deployment.vault.path("monitoring.txt");
    fs::write(&monitoring, "prometheus_config { enable: true }").expect("write");
    let mut flags = deployment.flags();
    flags.push(format!("--monitoring_config_file={}", monitoring.display()));
    let server = start(&flags).await;
    let request = Request::get(METRICS).body(Full::default()).expect("a request");
    let answer = request_tls(server.addresses.rest_addr, &deployment.client(None), request).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text().contains("model_loaded"));
    let plain = get(server.addresses.health_addr, METRICS).await;
    assert_eq!(plain.status, StatusCode::NOT_FOUND);
}

const METRICS: &str = "/monitoring/prometheus/metrics";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_clients_of_the_model_may_predict() {
    let users = Authority::new();
    let (listed, listed_pem) = users.client();
    let (unlisted, _) = users.client();
    for (clients, others) in [
        (json!({"mode": "ca", "pem": users.pem}), StatusCode::OK),
        (
            json!({"mode": "list", "pem": [listed_pem, users.pem]}),
            StatusCode::FORBIDDEN,
        ),
    ] {
        let deployment = Deployment::new(clients).await;
        let server = deployment.start().await;
        let identity = |(certificate, key): &Identity| Some((certificate.clone(), key.clone_key()));
        let nobody = deployment.client(None);
        assert_eq!(predict_rest(&server, &nobody).await, StatusCode::FORBIDDEN);
        assert_eq!(predict_grpc(&server, &nobody).await, Code::PermissionDenied);
        let client = deployment.client(identity(&listed));
        assert_eq!(predict_rest(&server, &client).await, StatusCode::OK);
        assert_eq!(predict_grpc(&server, &client).await, Code::Ok);
        assert_eq!(
            predict_rest(&server, &deployment.client(identity(&unlisted))).await,
            others
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_nobody_issued_can_be_on_the_list() {
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec![])
        .expect("parameters")
        .self_signed(&key)
        .expect("a certificate");
    let deployment = Deployment::new(json!({"mode": "list", "pem": [certificate.pem()]})).await;
    let server = deployment.start().await;
    let private = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let client = deployment.client(Some((certificate.der().clone(), private)));
    assert_eq!(predict_rest(&server, &client).await, StatusCode::OK);
    assert_eq!(
        predict_rest(&server, &deployment.client(None)).await,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_are_the_digests_of_the_manifest() {
    let deployment = Deployment::new(json!({"mode": "anyone"})).await;
    let server = deployment.start().await;
    let request = Request::get("/v1/models/digits")
        .body(Full::default())
        .expect("a request");
    let answer = request_tls(server.addresses.rest_addr, &deployment.client(None), request)
        .await
        .json();
    assert_eq!(answer["model_version_status"][0]["version"], "2");
    assert_eq!(answer["model_version_status"][1]["version"], "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refuses_what_it_should() {
    let mut deployment = Deployment::new(json!({"mode": "anyone"})).await;
    assert_eq!(deployment.code().await, "ok");
    let good = deployment.provision.clone();

    deployment.provision["models"][0]["key_id"] = json!("44".repeat(16));
    assert_eq!(deployment.code().await, "model.key_missing");
    deployment.provision = good.clone();

    deployment.provision["models"][0]["bundles"] = json!(["55".repeat(32)]);
    assert_eq!(deployment.code().await, "bundle.digest_mismatch");
    deployment.provision = good.clone();

    // A plain model is no bundle, whatever it is called.
    let plain = deployment.vault.path("store/plain.bundle");
    fs::copy(crate::support::model("onnx/model.onnx"), &plain).expect("copy");
    deployment.provision["models"][0]["store"] = json!(format!("file://{}", plain.display()));
    assert_eq!(deployment.code().await, "bundle.not_a_bundle");
    deployment.provision = good;

    fs::remove_file(deployment.vault.path("identity/key.pem")).expect("remove");
    assert_eq!(deployment.code().await, "server.tls");
}
