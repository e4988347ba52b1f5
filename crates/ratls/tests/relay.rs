//! Evidence relayed through a second TLS session is refused: each end binds it to the session that it sees itself.

mod common;

use std::sync::Arc;

use common::{Authority, accept, authority, listen, server};
use rustls::ServerConfig;
use strongroom_attest::platform::software::{Authority as Platform, Statement};
use strongroom_attest::reference::Fields;
use strongroom_attest::{
    ActivateBinding, Binding, CoordinatorBinding, CoordinatorExpectation, Endorsements, Evidence, LogHead,
    Protection, ReferenceValues, Roots, verify,
};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::issue;
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Names;
use strongroom_ratls::{
    Alpn, ClientCertificates, ServerSettings, Target, Versions, danger::connect_unverified, exporter,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const NOW: UnixTime = UnixTime(1_790_000_000);
const NONCE: [u8; 32] = [7; 32];

fn settings() -> ServerSettings {
    ServerSettings {
        versions: Versions::Tls13,
        clients: ClientCertificates::Optional,
        alpn: Alpn::Any,
    }
}

fn words(root: &[u8], nonce: [u8; 32], exporter: [u8; 32]) -> CoordinatorBinding {
    CoordinatorBinding {
        nonce,
        exporter,
        root_certificate: root.to_vec(),
        phase: "running".to_owned(),
        manifest_digest: Some(sha256(b"manifest")),
        log_head: LogHead {
            epoch: 0,
            size: 1,
            hash: sha256(b"log"),
        },
    }
}

fn statement(binding: &Binding) -> Statement {
    Statement {
        simulator_version: "0.1.0".to_owned(),
        report_data: binding.report_data(),
        measurement: sha256(b"coordinator"),
        workload: None,
        issued_at: NOW,
        debug: false,
    }
}

/// A genuine coordinator: answers each 32-byte nonce with evidence for the session that it came in on.
async fn coordinator(root: Arc<Authority>, platform: Arc<Platform>) -> String {
    let config = server(&root.identity(), settings());
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok(mut stream) = accept(&listener, &config).await {
            let exporter = exporter(stream.get_ref().1).expect("TLS 1.3");
            let mut nonce = [0; 32];
            stream.read_exact(&mut nonce).await.expect("a nonce");
            let binding = Binding::Coordinator(words(root.certificate.der(), nonce, exporter));
            let evidence = platform.issue(&statement(&binding)).to_bytes();
            stream.write_all(&evidence).await.expect("the client reads");
            stream.shutdown().await.expect("the client reads");
        }
    });
    address
}

/// Whoever sits in between: serves TLS with a certificate of its own, and asks the genuine coordinator.
async fn relay(listener: TcpListener, config: Arc<ServerConfig>, genuine: String) {
    let mut client = accept(&listener, &config).await.expect("a client");
    let mut nonce = [0; 32];
    client.read_exact(&mut nonce).await.expect("a nonce");
    let target = Target::new(&genuine, Alpn::Any).expect("an address");
    let mut server = connect_unverified(&target)
        .await
        .expect("the coordinator")
        .into_io();
    server.write_all(&nonce).await.expect("asked");
    let mut evidence = Vec::new();
    server.read_to_end(&mut evidence).await.expect("answered");
    client.write_all(&evidence).await.expect("the client reads");
    client.shutdown().await.expect("the client reads");
}

/// Asks for evidence, and verifies it against this end's own view. The root certificate is what the server shows, or
/// what the relay claims.
async fn verify_coordinator(
    address: &str,
    claimed_root: Option<&[u8]>,
    expected: &CoordinatorExpectation,
) -> Result<(), &'static str> {
    let target = Target::new(address, Alpn::Any).expect("an address");
    let session = connect_unverified(&target).await.expect("somebody answers");
    let root = claimed_root.unwrap_or(session.server_certificate()).to_vec();
    let binding = words(&root, NONCE, *session.exporter());
    let mut io = session.into_io();
    io.write_all(&NONCE).await.expect("asked");
    let mut evidence = Vec::new();
    io.read_to_end(&mut evidence).await.expect("answered");
    let evidence = Evidence::parse(&evidence).expect("evidence");
    let verified = expected.verify(&evidence, &Endorsements::none(), &binding, NOW);
    verified.map(|_| ()).map_err(|error| error.code().as_str())
}

fn expectation(platform: &Platform) -> CoordinatorExpectation {
    let fields = Fields {
        roots: vec![platform.root().to_pem()],
        measurements: vec![sha256(b"coordinator").into()],
        protection: vec![Protection::Simulated],
        ..Fields::of(strongroom_attest::Platform::Software)
    };
    CoordinatorExpectation::new(vec![ReferenceValues::new(fields).expect("usable")]).expect("one")
}

#[tokio::test]
async fn the_coordinators_evidence_through_a_second_session_is_refused() {
    let platform = Arc::new(Platform::generate(NOW, &SystemRandom).expect("a platform"));
    let root = Arc::new(authority());
    let genuine = coordinator(Arc::clone(&root), Arc::clone(&platform)).await;
    let expected = expectation(&platform);
    assert_eq!(
        verify_coordinator(&genuine, None, &expected).await,
        Ok(()),
        "without anybody in between"
    );

    // The relay shows its own certificate, and claims either that one or the genuine root to be the coordinator's.
    for claimed in [None, Some(root.certificate.der())] {
        let (listener, between) = listen().await;
        let config = server(&authority().identity(), settings());
        let relaying = tokio::spawn(relay(listener, config, genuine.clone()));
        assert_eq!(
            verify_coordinator(&between, claimed, &expected).await,
            Err("evidence.binding")
        );
        relaying.await.expect("it relayed");
    }
}

/// A workload activates; then everything that could be swapped is, one at a time, at the coordinator's end.
#[tokio::test]
async fn a_marbles_evidence_is_of_its_session_key_type_and_uuid() {
    let platform = Platform::generate(NOW, &SystemRandom).expect("a platform");
    let root = authority();
    let config = server(&root.identity(), settings());
    let (listener, address) = listen().await;
    let marble = authority();
    let target = Target::new(&address, Alpn::Any)
        .expect("an address")
        .presenting(marble.identity());
    let mut seen = Vec::new();
    let mut evidence = Vec::new();
    let csr = issue::certificate_request(&marble.key, &Names::default()).expect("a request");
    for _ in 0..2 {
        let (accepted, session) = tokio::join!(accept(&listener, &config), connect_unverified(&target));
        let (accepted, session) = (accepted.expect("accepted"), session.expect("connected"));
        let connection = accepted.get_ref().1;
        let client = connection
            .peer_certificates()
            .and_then(<[_]>::first)
            .expect("a certificate")
            .to_vec();
        seen.push((client, exporter(connection).expect("TLS 1.3")));
        let own = session.own_certificate().expect("it presents one");
        let server_certificate = session.server_certificate();
        let bound = ActivateBinding::new(
            own,
            server_certificate,
            *session.exporter(),
            &csr,
            "inference",
            "uuid-1",
        );
        evidence.push(platform.issue(&statement(&Binding::Activate(bound.expect("one key")))));
    }
    let roots = Roots::none().with(strongroom_attest::Platform::Software, platform.root().clone());
    let check = |session: usize, server: &[u8], csr: &[u8], marble_type: &str, uuid: &str| {
        let (client, exporter) = &seen[session];
        let bound = ActivateBinding::new(client, server, *exporter, csr, marble_type, uuid);
        let binding = Binding::Activate(bound.map_err(|_| "binding.other_key")?);
        let verified = verify(&evidence[0], &Endorsements::none(), &roots, &binding, NOW);
        verified.map(|_| ()).map_err(|error| error.code().as_str())
    };
    let presented = root.certificate.der();
    assert_eq!(check(0, presented, &csr, "inference", "uuid-1"), Ok(()));
    assert_eq!(
        check(1, presented, &csr, "inference", "uuid-1"),
        Err("evidence.binding"),
        "another session"
    );
    assert_eq!(
        check(0, presented, &csr, "training", "uuid-1"),
        Err("evidence.binding"),
        "another type"
    );
    assert_eq!(
        check(0, presented, &csr, "inference", "uuid-2"),
        Err("evidence.binding"),
        "another UUID"
    );
    let names = Names {
        dns: vec!["more.example".to_owned()],
        ..Names::default()
    };
    let more = issue::certificate_request(&marble.key, &names).expect("a request");
    assert_eq!(
        check(0, presented, &more, "inference", "uuid-1"),
        Err("evidence.binding"),
        "another request"
    );
    let theirs = issue::certificate_request(&authority().key, &Names::default()).expect("a request");
    assert_eq!(
        check(0, presented, &theirs, "inference", "uuid-1"),
        Err("binding.other_key"),
        "another's key"
    );
    let other = authority().certificate;
    assert_eq!(
        check(0, other.der(), &csr, "inference", "uuid-1"),
        Err("evidence.binding"),
        "another server"
    );
}
