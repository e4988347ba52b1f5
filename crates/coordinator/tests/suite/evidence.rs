//! Evidence of the coordinator: on which connection, over what, in which phases.

use http::StatusCode;
use serde_json::json;
use strongroom_api::coordinator::v3::EvidenceAnswer;
use strongroom_api::marble::{EvidenceRequest, MarbleClient};
use strongroom_attest::Platform;
use strongroom_attest::{Binding, CoordinatorBinding, Endorsements, Evidence, LogHead, Roots, verify};
use strongroom_crypto::digest::Digest32;
use strongroom_crypto::x509::Certificate;
use strongroom_ratls::Alpn;
use strongroom_ratls::channel::HttpConnection;

use crate::fixture::{base64, deployed, send};
use crate::platform::NOW;
use crate::workload::Workload;

fn binding(answer: &EvidenceAnswer, nonce: [u8; 32], exporter: [u8; 32]) -> Binding {
    Binding::Coordinator(CoordinatorBinding {
        nonce,
        exporter,
        root_certificate: answer.root_certificate.0.clone(),
        phase: answer.phase.clone(),
        manifest_digest: answer.manifest_digest.map(|digest| Digest32(digest.0)),
        log_head: LogHead {
            epoch: answer.log_head.epoch,
            size: answer.log_head.size,
            hash: Digest32(answer.log_head.hash.0),
        },
    })
}

#[tokio::test]
async fn is_bound_to_nonce_connection_and_everything_beside_it() {
    let deployed = deployed().await;
    let session = deployed
        .running
        .session(deployed.running.client, None, Alpn::Http1)
        .await;
    let exporter = *session.exporter();
    let server_certificate = session.server_certificate().to_vec();
    let connection = HttpConnection::open(session).await.expect("HTTP");
    let nonce = [9; 32];
    let body = json!({"nonce": base64(&nonce)}).to_string();
    let answer = send(&connection, "POST", "/api/v3/evidence", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let answer: EvidenceAnswer = serde_json::from_str(&answer.text).expect("an answer");
    assert_eq!(answer.phase, "running");
    assert_eq!(
        answer.manifest_digest.map(|digest| Digest32(digest.0)),
        Some(deployed.digest)
    );
    assert_eq!(
        answer.root_certificate.0, server_certificate,
        "the root is what the port presents"
    );

    let root = Certificate::parse_pem(&deployed.machine.root_pem()).expect("a root");
    let roots = Roots::none().with(Platform::Software, root);
    let evidence = Evidence::parse(&answer.evidence.0).expect("evidence");
    let check =
        |binding: &Binding| verify(&evidence, &Endorsements::none(), &roots, binding, NOW).map(|_| ());
    check(&binding(&answer, nonce, exporter)).expect("holds");
    assert!(
        check(&binding(&answer, [8; 32], exporter)).is_err(),
        "another nonce"
    );
    assert!(
        check(&binding(&answer, nonce, [0; 32])).is_err(),
        "another connection"
    );
    let phase = EvidenceAnswer {
        phase: "recovery".into(),
        ..answer.clone()
    };
    assert!(check(&binding(&phase, nonce, exporter)).is_err(), "another phase");
    let manifest = EvidenceAnswer {
        manifest_digest: None,
        ..answer.clone()
    };
    assert!(
        check(&binding(&manifest, nonce, exporter)).is_err(),
        "another manifest"
    );
}

#[tokio::test]
async fn a_nonce_has_32_bytes() {
    let deployed = deployed().await;
    for length in [0, 31, 33] {
        let body = json!({"nonce": base64(&vec![1; length])}).to_string();
        let answer = deployed.running.ask(None, "POST", "/api/v3/evidence", body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, "evidence.nonce".to_owned())
        );
    }
}

#[tokio::test]
async fn the_mesh_port_says_the_same() {
    let deployed = deployed().await;
    let session = Workload::new(&deployed.machine, "plain")
        .connect(&deployed.running)
        .await;
    let connection = HttpConnection::open(session).await.expect("HTTP");
    let request = EvidenceRequest { nonce: vec![9; 32] };
    let answer = MarbleClient::new(connection.clone())
        .evidence(request)
        .await
        .expect("evidence")
        .into_inner();
    assert_eq!(answer.phase, "running");
    assert_eq!(answer.manifest_digest, deployed.digest.as_bytes());
    let short = EvidenceRequest { nonce: vec![9; 16] };
    let refused = MarbleClient::new(connection)
        .evidence(short)
        .await
        .expect_err("refused");
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
}
