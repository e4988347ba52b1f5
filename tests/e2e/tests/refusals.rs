//! What a program on the workload's machine can try by itself, with everything that the launcher has but its place.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use strongroom_attest::{CoordinatorExpectation, Endorsements};
use strongroom_attester::{TeeChoice, detect};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::x509::Names;
use strongroom_e2e::coordinator::{Machine, ask, connect, now};
use strongroom_e2e::process::program;
use strongroom_launcher::activate::activate;
use strongroom_launcher::caller::{Caller, target};
use strongroom_workload::Description;

/// The genuine description, the genuine coordinator, a certificate and evidence of its own: only the measurement is
/// not the launcher's, because the platform measures whoever asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_asks_the_platform_itself_cannot_activate() {
    let machine = Machine::start();
    let coordinator = machine.coordinator("state");
    let expectation = json!([{
        "platform": "software", "roots": [machine.root_pem()], "protection": ["simulated"],
        "measurements": [measurement("strongroom-coordinator")],
    }]);
    let description = json!({
        "format": "strongroom.workload.v1",
        "program": { "path": "/bin/true", "digest": sha256(b"the program").to_string() },
        "argv": ["true"],
        "coordinator": { "expect": expectation },
    });
    let description_bytes = description.to_string().into_bytes();
    let parsed = Description::parse(&description_bytes).expect("a description");
    set_manifest(coordinator.client_address(), &machine, &parsed.digest()).await;

    let caller = Caller {
        target: target(coordinator.mesh_address()).expect("an address"),
        expectation: Some(CoordinatorExpectation::parse(expectation.to_string().as_bytes()).expect("values")),
        endorsements: Endorsements::none(),
        attester: detect(&TeeChoice::Software {
            socket: machine.socket(),
        })
        .expect("the platform"),
        description: description_bytes,
        workload: parsed.digest(),
        marble_type: "marble".to_owned(),
        uuid: "7b0a3d5e-3c3c-4d55-9a0a-0d6d7d1a4c11".to_owned(),
        names: Names::default(),
        now,
    };
    let error = activate(&caller, &parsed)
        .await
        .expect_err("it must not be activated");
    assert!(error.to_string().contains("evidence.measurement"), "{error}");
    assert!(
        coordinator.log().contains("evidence.measurement"),
        "the coordinator says so too"
    );
}

/// Without `--tee software` nothing falls back to the software platform, and the message says what was looked for.
#[test]
fn no_program_falls_back_to_the_software_platform() {
    let folder = tempfile::tempdir().unwrap();
    let started = Command::new(program("strongroom-coordinator"))
        .env_clear()
        .env("EDG_COORDINATOR_SEAL_DIR", folder.path().join("state"))
        .env("EDG_COORDINATOR_CLIENT_ADDR", "127.0.0.1:0")
        .env("EDG_COORDINATOR_MESH_ADDR", "127.0.0.1:0")
        .output()
        .unwrap();
    assert!(!started.status.success());
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(
        said.contains("/dev/sgx_enclave") && said.contains("/dev/tdx_guest"),
        "{said}"
    );
}

async fn set_manifest(address: &str, machine: &Machine, workload: &Digest32) {
    let manifest = json!({
        "Packages": { "package": {
            "Platform": "software", "Measurements": [measurement("strongroom-launcher")], "Workloads": [workload],
            "Roots": [machine.root_pem()], "Protection": ["simulated"],
        } },
        "Marbles": { "marble": { "Package": "package" } },
    });
    let body = json!({ "manifest": STANDARD.encode(manifest.to_string()) });
    let connection = connect(address, None).await;
    let answer = ask(&connection, http::Method::POST, "/api/v2/manifest", Some(&body)).await;
    let (status, answer) = answer.expect("an answer");
    assert!(status.is_success(), "{status} {answer}");
}

fn measurement(name: &str) -> String {
    sha256(&std::fs::read(program(name)).expect("a program")).to_string()
}
