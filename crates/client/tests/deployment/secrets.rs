//! Sending: to whom, what, and what never.

use http::StatusCode;
use serde_json::{Value, json};
use strongroom_client::policy::Draft;
use strongroom_client::{Caller, Endorsements, Pin, SecretBytes, SystemRandom};
use strongroom_crypto::digest::sha256;
use strongroom_manifest::Manifest;

use super::fake::{NOW, World, entries, head, wire};

const KEY: [u8; 32] = [0xab; 32];

fn key() -> Vec<(String, SecretBytes)> {
    vec![("digits-key".to_owned(), SecretBytes::copy_of(&KEY))]
}

#[tokio::test]
async fn a_secret_goes_to_the_verified_coordinator_with_the_manifest_it_was_meant_for() {
    let mut world = World::new();
    let later = head(&entries(4));
    world.says.put = (StatusCode::OK, json!({ "log_head": wire(&later) }));
    let running = world.start().await;
    let mut verified = running
        .coordinator
        .verify(&world.policy(), Pin::First, &world.caller())
        .await
        .unwrap();
    assert_eq!(verified.set_secrets(key()).await.unwrap(), later);
    assert_eq!(verified.trust().log_head(), later);

    let received = running.received.lock().unwrap();
    let (path, body) = received.last().unwrap();
    assert_eq!(path, "/api/v3/secrets");
    let body: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(body["manifest_digest"], sha256(&world.says.manifest).to_string());
    assert_eq!(
        body["secrets"]["digits-key"]["Key"],
        "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s="
    );
}

#[tokio::test]
async fn a_manifest_that_changed_meanwhile_is_explained() {
    let mut world = World::new();
    world.says.put = (
        StatusCode::PRECONDITION_FAILED,
        json!({ "code": "secret.manifest_changed", "message": "another manifest is in force", "request_id": "17" }),
    );
    let running = world.start().await;
    let mut verified = running
        .coordinator
        .verify(&world.policy(), Pin::First, &world.caller())
        .await
        .unwrap();
    let error = verified.set_secrets(key()).await.unwrap_err();
    assert_eq!(
        (error.code(), error.peer_code()),
        ("peer.refused", Some("secret.manifest_changed"))
    );
    assert!(
        error
            .to_string()
            .contains("another manifest is in force (request 17)"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("verify the deployment again"));
}

#[tokio::test]
async fn what_does_not_fit_is_never_sent() {
    let world = World::new();
    let running = world.start().await;
    let mut verified = running
        .coordinator
        .verify(&world.policy(), Pin::First, &world.caller())
        .await
        .unwrap();
    let secret = |name: &str, bytes: &[u8]| vec![(name.to_owned(), SecretBytes::copy_of(bytes))];
    let short = verified
        .set_secrets(secret("digits-key", &KEY[..31]))
        .await
        .unwrap_err();
    assert!(
        short.to_string().contains("declares 32 bytes, the file has 31"),
        "{short}"
    );
    let unknown = verified.set_secrets(secret("digit-key", &KEY)).await.unwrap_err();
    assert!(
        unknown.to_string().contains("no such secret, but digits-key"),
        "{unknown}"
    );

    let nobody = Caller {
        now: NOW,
        random: &SystemRandom,
        identity: None,
        endorsements: &Endorsements::none(),
    };
    let mut verified = running
        .coordinator
        .verify(&world.policy(), Pin::First, &nobody)
        .await
        .unwrap();
    assert_eq!(
        verified.set_secrets(key()).await.unwrap_err().code(),
        "input.invalid"
    );
    let received = running.received.lock().unwrap();
    assert!(received.iter().all(|(path, _)| path != "/api/v3/secrets"));
}

#[tokio::test]
async fn a_coordinator_that_is_refused_is_sent_a_nonce_and_nothing_else() {
    let mut world = World::new();
    world.says.measurement = sha256(b"modified");
    let running = world.start().await;
    running
        .coordinator
        .verify(&world.policy(), Pin::First, &world.caller())
        .await
        .unwrap_err();
    let received: Vec<String> = running
        .received
        .lock()
        .unwrap()
        .iter()
        .map(|(path, _)| path.clone())
        .collect();
    assert_eq!(received, ["/api/v3/evidence"]);
}

#[tokio::test]
async fn a_manifest_goes_to_a_verified_coordinator_that_has_none() {
    let mut world = World::new();
    let manifest = Manifest::parse(&world.says.manifest).unwrap();
    let policy = world.policy();
    let running = world.start().await;
    let refused = running
        .coordinator
        .verify_awaiting_manifest(policy.coordinator(), &world.caller())
        .await;
    assert_eq!(refused.unwrap_err().code(), "state.phase");

    world.says.phase = "awaiting_manifest";
    world.says.manifest_digest = None;
    let running = world.start().await;
    let empty = running
        .coordinator
        .verify_awaiting_manifest(policy.coordinator(), &world.caller())
        .await
        .unwrap();
    let set = empty.set_manifest(&manifest).await.unwrap();
    assert_eq!(set.manifest_digest, manifest.digest());
    assert!(set.recovery_secrets.is_empty());

    world.says.measurement = sha256(b"modified");
    let running = world.start().await;
    let refused = running
        .coordinator
        .verify_awaiting_manifest(policy.coordinator(), &world.caller())
        .await;
    assert_eq!(refused.unwrap_err().code(), "evidence.measurement");
}

#[tokio::test]
async fn a_policy_is_drafted_from_what_answers() {
    let mut world = World::new();
    world.says.measurement = sha256(b"whoever this is");
    let running = world.start().await;
    let claimed = running
        .coordinator
        .look(&world.caller())
        .await
        .unwrap()
        .claimed(&world.caller())
        .await
        .unwrap();
    let Draft { roots, .. } = world.draft();
    let drafted = claimed.draft(&roots, NOW).unwrap();
    assert!(
        drafted
            .to_json()
            .contains(&sha256(b"whoever this is").to_string())
    );
    assert!(
        running
            .coordinator
            .verify(&drafted, Pin::First, &world.caller())
            .await
            .is_ok()
    );
    assert_eq!(claimed.draft(&[], NOW).unwrap_err().code(), "evidence.platform");
}
