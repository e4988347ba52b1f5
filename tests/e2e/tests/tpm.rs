//! A coordinator's state on a machine with a (software) TPM: who opens it, and that an old one is noticed.

use std::path::{Path, PathBuf};
use std::process::Command;

use http::Method;
use serde_json::{Value, json};
use strongroom_client::policy::Draft;
use strongroom_client::{Caller, Endorsements, Error, Pin, Platform, Protection, SystemRandom, sha256};
use strongroom_e2e::coordinator::{Coordinator, User, ask, now};
use strongroom_e2e::process::program;
use strongroom_e2e::tpm::TpmMachine;

fn start(machine: &TpmMachine, binary: &Path, state: &str) -> Coordinator {
    Coordinator::start(command(machine, binary), machine.folder(), state)
}

fn command(machine: &TpmMachine, binary: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(["--tee", "tpm", "--tpm"]).arg(machine.socket());
    command
}

fn genuine() -> PathBuf {
    program("strongroom-coordinator")
}

/// The genuine program with one byte more at its end.
fn modified(machine: &TpmMachine) -> PathBuf {
    let path = machine.folder().join("modified-coordinator");
    let mut bytes = std::fs::read(genuine()).expect("the program");
    bytes.push(0);
    std::fs::write(&path, bytes).expect("a copy");
    let permissions = std::fs::metadata(genuine()).expect("the program").permissions();
    std::fs::set_permissions(&path, permissions).expect("executable");
    path
}

async fn status(coordinator: &Coordinator) -> Value {
    let connection = coordinator.connect(None).await;
    let (status, answer) = ask(&connection, Method::GET, "/api/v3/status", None)
        .await
        .expect("an answer");
    assert!(status.is_success(), "{status} {answer}");
    answer
}

async fn phase(coordinator: &Coordinator) -> String {
    status(coordinator).await["phase"]
        .as_str()
        .expect("a phase")
        .to_owned()
}

/// Sets a manifest with a secret that `user` may write.
async fn set_manifest(coordinator: &Coordinator, machine: &TpmMachine, user: &User) -> String {
    let manifest = json!({
        "Packages": { "p": {
            "Platform": "tpm", "Roots": [machine.root_pem()], "Measurements": ["11".repeat(32)],
            "Workloads": ["22".repeat(32)], "Protection": ["integrity_only"],
        } },
        "Marbles": { "m": { "Package": "p" } },
        "Secrets": { "note": { "Type": "plain", "UserDefined": true } },
        "Users": { "u": { "Certificate": user.certificate, "Roles": ["write"] } },
        "Roles": { "write": {
            "ResourceType": "Secrets", "ResourceNames": ["note"], "Actions": ["WriteSecret", "ReadSecret"],
        } },
    })
    .to_string();
    let body = json!({ "manifest": base64(manifest.as_bytes()) });
    let connection = coordinator.connect(None).await;
    let answer = ask(&connection, Method::POST, "/api/v2/manifest", Some(&body)).await;
    let (status, answer) = answer.expect("an answer");
    assert!(status.is_success(), "{status} {answer}");
    manifest
}

async fn write_note(coordinator: &Coordinator, user: &User, manifest: &str, note: &str) {
    let digest = sha256(manifest.as_bytes());
    let body =
        json!({ "manifest_digest": digest, "secrets": { "note": { "Key": base64(note.as_bytes()) } } });
    let connection = coordinator.connect(Some(&user.identity)).await;
    let (status, answer) = ask(&connection, Method::PUT, "/api/v3/secrets", Some(&body))
        .await
        .expect("an answer");
    assert!(status.is_success(), "{status} {answer}");
}

async fn note(coordinator: &Coordinator, user: &User) -> String {
    let connection = coordinator.connect(Some(&user.identity)).await;
    let answer = ask(&connection, Method::GET, "/api/v2/secrets?s=note", None).await;
    let (status, answer) = answer.expect("an answer");
    assert!(status.is_success(), "{status} {answer}");
    let private = answer["data"]["secrets"]["note"]["Private"].as_str();
    let private = private.or(answer["data"]["note"]["Private"].as_str());
    private
        .unwrap_or_else(|| panic!("no value in {answer}"))
        .to_owned()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test]
#[ignore = "needs swtpm"]
async fn the_same_program_opens_the_state_again_and_another_does_not() {
    let mut machine = TpmMachine::start();
    let user = User::new("u", now());
    let coordinator = start(&machine, &genuine(), "state");
    assert_eq!(phase(&coordinator).await, "awaiting_manifest");
    let manifest = set_manifest(&coordinator, &machine, &user).await;
    write_note(&coordinator, &user, &manifest, "hello").await;
    coordinator.kill();

    // The process started again, and then the machine: both open it.
    let again = start(&machine, &genuine(), "state");
    assert_eq!(note(&again, &user).await, base64(b"hello"));
    again.kill();
    machine.restart();
    let again = start(&machine, &genuine(), "state");
    assert_eq!(phase(&again).await, "running");
    assert_eq!(note(&again, &user).await, base64(b"hello"));
    again.kill();

    // The register still says which program ran: another one does not even start there.
    let modified = modified(&machine);
    let state = machine.folder().join("state");
    let mut other = command(&machine, &modified);
    let ended = other
        .env("EDG_COORDINATOR_SEAL_DIR", &state)
        .output()
        .expect("it runs");
    assert!(!ended.status.success());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("PCR 13"), "{said}");
    // On a machine that was started for it, its sealing key is another one.
    machine.restart();
    let other = start(&machine, &modified, "state");
    assert_eq!(phase(&other).await, "recovery");
    other.kill();

    machine.restart();
    let again = start(&machine, &genuine(), "state");
    assert_eq!(phase(&again).await, "running");
    assert_eq!(note(&again, &user).await, base64(b"hello"));
}

#[tokio::test]
#[ignore = "needs swtpm"]
async fn an_old_state_is_behind_the_counter_of_the_tpm() {
    let mut machine = TpmMachine::start();
    let user = User::new("u", now());
    let coordinator = start(&machine, &genuine(), "state");
    let manifest = set_manifest(&coordinator, &machine, &user).await;
    write_note(&coordinator, &user, &manifest, "old").await;
    coordinator.kill();
    let (state, old) = (machine.folder().join("state"), machine.folder().join("old"));
    copy(&state, &old);

    let coordinator = start(&machine, &genuine(), "state");
    write_note(&coordinator, &user, &manifest, "new").await;
    coordinator.kill();
    let current = machine.folder().join("current");
    copy(&state, &current);

    std::fs::remove_dir_all(&state).expect("removed");
    copy(&old, &state);
    for restarted in [false, true] {
        if restarted {
            machine.restart();
        }
        let rolled_back = start(&machine, &genuine(), "state");
        assert_eq!(
            phase(&rolled_back).await,
            "rolled_back",
            "machine restarted: {restarted}"
        );
        assert!(rolled_back.log().contains("state.rolled_back"));
        rolled_back.kill();
    }
    std::fs::remove_dir_all(&state).expect("removed");
    copy(&current, &state);
    let coordinator = start(&machine, &genuine(), "state");
    assert_eq!(note(&coordinator, &user).await, base64(b"new"));
}

/// A client enrols the coordinator's attestation key on its own connection, or pins it; without either it refuses.
#[tokio::test]
#[ignore = "needs swtpm"]
async fn a_client_accepts_the_tpm_that_its_policy_names_and_no_other() {
    let (machine, other) = (TpmMachine::start(), TpmMachine::start());
    let user = User::new("u", now());
    let coordinator = start(&machine, &genuine(), "state");
    let manifest = set_manifest(&coordinator, &machine, &user).await;
    let address = strongroom_client::Coordinator::at(coordinator.client_address()).expect("an address");
    let measurement = sha256(&std::fs::read(genuine()).expect("the program"));
    let draft = |root: String| Draft {
        platform: Platform::Tpm,
        roots: vec![root],
        measurements: vec![measurement.into()],
        protection: vec![Protection::IntegrityOnly],
        manifests: vec![sha256(manifest.as_bytes())],
    };
    let caller = Caller {
        now: now(),
        random: &SystemRandom,
        identity: None,
        endorsements: &Endorsements::none(),
    };
    let policy = draft(machine.root_pem()).finish().expect("a policy");
    let verified = address
        .verify(&policy, Pin::First, &caller)
        .await
        .expect("verified");
    let report = verified.report().to_string();
    assert!(report.contains("INTEGRITY ONLY"), "{report}");

    let stranger = draft(other.root_pem()).finish().expect("a policy");
    let refused = address
        .verify(&stranger, Pin::First, &caller)
        .await
        .expect_err("another TPM's root");
    assert_eq!(refused.code(), "enrolment.refused", "{refused}");
    assert!(matches!(refused, Error::NotEnrolled { .. }));

    let mut wrong = draft(machine.root_pem());
    wrong.measurements = vec![sha256(b"another program").into()];
    let wrong = wrong.finish().expect("a policy");
    let refused = address
        .verify(&wrong, Pin::First, &caller)
        .await
        .expect_err("another program");
    assert_eq!(refused.code(), "evidence.measurement", "{refused}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}
