//! A coordinator that does what the test says, and nothing of its own: it checks the launcher's binding as a real one
//! would, and counts what it was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::sign::CertifiedKey;
use strongroom_api::marble::{
    Activation, ActivationReq, ActivationResp, ActivationServer, EvidenceRequest, EvidenceResponse, Marble,
    MarbleServer, Parameters, RenewRequest, RenewResponse,
};
use strongroom_attest::{
    ActivateBinding, Binding, CoordinatorBinding, Endorsements, Evidence, LogHead, Platform as Kind, Roots,
    verify,
};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::label;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::Csr;
use strongroom_ratls::{Alpn, ClientCertificates, Identity, ServerSettings, Versions, server_config};
use strongroom_service::{
    ConnectionInfo, Limits, Listener, ReloadableIdentity, ServerTls, Shutdown, TlsHandle, Transport,
};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::fixture::now;
use crate::pki::Pki;
use crate::platform::{Platform, launcher_measurement};

/// What the coordinator does. Tests change one thing.
pub(crate) struct Script {
    pub(crate) measurement: Digest32,
    /// Evidence speaks of another connection.
    pub(crate) relayed: bool,
    /// Evidence names another root than certificates come from.
    pub(crate) other_root: bool,
    /// Answers before activations succeed, the next one last.
    pub(crate) refusals: Vec<Status>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) environment: BTreeMap<String, Vec<u8>>,
    pub(crate) argv: Vec<String>,
    pub(crate) leaf_seconds: u64,
    /// The leaf is issued over a key of the coordinator's own, which it sends along.
    pub(crate) own_key: bool,
    /// The leaf is issued over a key that nobody sent.
    pub(crate) stolen_key: bool,
    pub(crate) marble_type: String,
    pub(crate) renewals: Renewals,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewals {
    Granted,
    Refused,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            measurement: coordinator_measurement(),
            relayed: false,
            other_root: false,
            refusals: Vec::new(),
            files: BTreeMap::new(),
            environment: BTreeMap::new(),
            argv: Vec::new(),
            leaf_seconds: 3600,
            own_key: false,
            stolen_key: false,
            marble_type: "inference".to_owned(),
            renewals: Renewals::Granted,
        }
    }
}

/// What the launcher expects.
pub(crate) fn coordinator_measurement() -> Digest32 {
    sha256(b"coordinator")
}

#[derive(Clone)]
pub(crate) struct Coordinator(Arc<Inner>);

struct Inner {
    platform: Platform,
    pki: Pki,
    other: Pki,
    script: Mutex<Script>,
    activations: AtomicUsize,
}

impl Coordinator {
    pub(crate) fn new(platform: Platform, script: Script) -> Self {
        let script = Mutex::new(script);
        Self(Arc::new(Inner {
            platform,
            pki: Pki::new(),
            other: Pki::new(),
            script,
            activations: AtomicUsize::new(0),
        }))
    }

    pub(crate) fn activations(&self) -> usize {
        self.0.activations.load(Ordering::SeqCst)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.0.script.lock().expect("script"));
    }

    pub(crate) async fn serve(&self) -> SocketAddr {
        let identity = Identity::new(
            std::slice::from_ref(&self.0.pki.marble_root),
            &self.0.pki.marble_root_key,
        )
        .expect("identity");
        let certified = CertifiedKey::clone(&identity.certified_key());
        let settings = ServerSettings {
            versions: Versions::Tls13,
            clients: ClientCertificates::Required,
            alpn: Alpn::Http2,
        };
        let config = server_config(ReloadableIdentity::new(certified), settings).expect("config");
        let tls = TlsHandle::new(ServerTls::presenting(config, identity.certificate().clone()));
        let transport = Transport::Tls {
            tls,
            exporter_label: Some(label::EXPORTER.as_bytes()),
        };
        let routes =
            Routes::new(ActivationServer::new(self.clone())).add_service(MarbleServer::new(self.clone()));
        let listener = Listener::bind(&"127.0.0.1:0".parse().expect("address"))
            .await
            .expect("bind");
        let address = listener.local_addr().expect("address");
        tokio::spawn(listener.serve(
            routes.into_axum_router(),
            transport,
            Limits::default(),
            Shutdown::new(),
        ));
        address
    }

    /// What a real coordinator checks of the binding, from its own view of the connection.
    fn check(
        &self,
        info: &ConnectionInfo,
        evidence: &[u8],
        csr: &[u8],
        marble_type: &str,
        uuid: &str,
    ) -> Result<Digest32, Status> {
        let binding = ActivateBinding::new(
            info.peer_certificate()
                .ok_or_else(|| Status::unauthenticated("no certificate"))?,
            info.server_certificate.as_ref().expect("tls"),
            info.exporter.expect("tls 1.3"),
            csr,
            marble_type,
            uuid,
        )
        .map_err(|error| Status::permission_denied(error.to_string()))?;
        let roots = Roots::none().with(Kind::Software, self.0.platform.root());
        let evidence =
            Evidence::parse(evidence).map_err(|error| Status::permission_denied(error.to_string()))?;
        let verified = verify(
            &evidence,
            &Endorsements::none(),
            &roots,
            &Binding::Activate(binding),
            now(),
        )
        .map_err(|error| Status::permission_denied(error.to_string()))?;
        assert_eq!(
            verified.claims().measurement().as_bytes(),
            launcher_measurement().as_bytes()
        );
        verified
            .claims()
            .workload()
            .ok_or_else(|| Status::permission_denied("no workload"))
    }
}

fn connection<T>(request: &Request<T>) -> Arc<ConnectionInfo> {
    request
        .extensions()
        .get::<Arc<ConnectionInfo>>()
        .expect("listener adds it")
        .clone()
}

#[tonic::async_trait]
impl Activation for Coordinator {
    async fn activate(&self, request: Request<ActivationReq>) -> Result<Response<ActivationResp>, Status> {
        self.0.activations.fetch_add(1, Ordering::SeqCst);
        let info = connection(&request);
        let request = request.into_inner();
        self.check(
            &info,
            &request.quote,
            &request.csr,
            &request.marble_type,
            &request.uuid,
        )?;
        let mut script = self.0.script.lock().expect("script");
        if let Some(refusal) = script.refusals.pop() {
            return Err(refusal);
        }
        let made = SigningKey::generate_p384();
        let csr = Csr::parse_and_verify(&request.csr).expect("checked");
        let spki = if script.own_key || script.stolen_key {
            made.spki_der()
        } else {
            csr.spki_der()
        };
        let pki = &self.0.pki;
        let chain = pki.chain(spki, &script.marble_type, &request.uuid, script.leaf_seconds);
        let key = if script.own_key {
            made.to_pkcs8_pem().as_bytes().to_vec()
        } else {
            Vec::new()
        };
        let mut env = script.environment.clone();
        for (name, value) in [
            ("MARBLE_PREDEFINED_ROOT_CA", pki.marble_root.to_pem().into_bytes()),
            ("MARBLE_PREDEFINED_MARBLE_CERTIFICATE_CHAIN", chain.into_bytes()),
            (
                "MARBLE_PREDEFINED_COORDINATOR_ROOT_CA",
                pki.root.to_pem().into_bytes(),
            ),
            ("MARBLE_PREDEFINED_PRIVATE_KEY", key),
        ] {
            env.insert(name.to_owned(), value);
        }
        let parameters = Parameters {
            files: script.files.clone(),
            env,
            argv: script.argv.clone(),
        };
        Ok(Response::new(ActivationResp {
            parameters: Some(parameters),
        }))
    }
}

#[tonic::async_trait]
impl Marble for Coordinator {
    async fn evidence(
        &self,
        request: Request<EvidenceRequest>,
    ) -> Result<Response<EvidenceResponse>, Status> {
        let info = connection(&request);
        let script = self.0.script.lock().expect("script");
        let root = if script.other_root {
            &self.0.other.root
        } else {
            &self.0.pki.root
        };
        let mut exporter = info.exporter.expect("tls 1.3");
        exporter[0] ^= u8::from(script.relayed);
        let head = LogHead {
            epoch: 1,
            size: 2,
            hash: sha256(b"log"),
        };
        let manifest = sha256(b"manifest");
        let binding = CoordinatorBinding {
            nonce: request.into_inner().nonce.try_into().expect("32 bytes"),
            exporter,
            root_certificate: root.der().to_vec(),
            phase: "running".to_owned(),
            manifest_digest: Some(manifest),
            log_head: head,
        };
        let report_data = Binding::Coordinator(binding).report_data();
        Ok(Response::new(EvidenceResponse {
            evidence: self.0.platform.evidence(script.measurement, None, report_data),
            root_certificate: root.der().to_vec(),
            phase: "running".to_owned(),
            manifest_digest: manifest.as_bytes().to_vec(),
            log_epoch: head.epoch,
            log_size: head.size,
            log_hash: head.hash.as_bytes().to_vec(),
        }))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        let info = connection(&request);
        let request = request.into_inner();
        self.check(
            &info,
            &request.evidence,
            &request.csr,
            &request.marble_type,
            &request.uuid,
        )?;
        let script = self.0.script.lock().expect("script");
        if script.renewals == Renewals::Refused {
            return Err(Status::permission_denied("this marble is revoked"));
        }
        let csr = Csr::parse_and_verify(&request.csr).expect("checked");
        let pki = &self.0.pki;
        Ok(Response::new(RenewResponse {
            certificate_chain: pki
                .chain(
                    csr.spki_der(),
                    &script.marble_type,
                    &request.uuid,
                    script.leaf_seconds,
                )
                .into_bytes(),
            marble_root: pki.marble_root.to_pem().into_bytes(),
            coordinator_root: pki.root.to_pem().into_bytes(),
        }))
    }
}
