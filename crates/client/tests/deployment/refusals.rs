//! What a verification refuses.

use http::StatusCode;
use serde_json::json;
use strongroom_api::coordinator::bytes::Hex32;
use strongroom_attest::Protection;
use strongroom_client::{ClientPolicy, Error, Kind, Pin, Trust, TrustedCoordinator};
use strongroom_crypto::digest::sha256;

use super::fake::{Says, World, authority, entries, head};

async fn verify_with(
    world: &World,
    policy: &ClientPolicy,
    pin: Pin<'_>,
) -> Result<TrustedCoordinator, Error> {
    world
        .start()
        .await
        .coordinator
        .verify(policy, pin, &world.caller())
        .await
}

async fn verify(world: &World, pin: Pin<'_>) -> Result<TrustedCoordinator, Error> {
    verify_with(world, &world.policy(), pin).await
}

/// The code with which a coordinator is refused that differs in one thing.
async fn refused(change: fn(&mut Says)) -> String {
    let mut world = World::new();
    verify(&world, Pin::First)
        .await
        .expect("unchanged, it is accepted");
    change(&mut world.says);
    let error = verify(&world, Pin::First).await.expect_err("it is refused");
    error.code().to_owned()
}

#[tokio::test]
async fn a_coordinator_as_expected_is_accepted_and_reported() {
    let world = World::new();
    let verified = verify(&world, Pin::First).await.unwrap();
    assert_eq!(verified.trust().root().der(), world.root.der());
    assert_eq!(verified.trust().log_head(), head(&world.says.entries));
    assert!(verified.trust().simulated());

    let report = verified.report();
    let text = report.to_string();
    for line in [
        "SIMULATED: its platform is played by a process and protects nothing",
        "secret digits-key (symmetric key of 256 bits): NOT SET, guarded",
        "received by: marble inference as key of model digits",
        "may set: owner",
        "may predict: anyone",
        "recovery: nobody",
        "manifest: nobody",
        "names: localhost",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    for digest in [
        sha256(b"launcher"),
        sha256(b"workload"),
        sha256(b"bundle"),
        verified.trust().manifest_digest(),
    ] {
        assert!(
            text.contains(&digest.to_string()),
            "{digest} is missing in\n{text}"
        );
    }
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["simulated"], true);
    assert_eq!(json["secrets"]["digits-key"]["writers"][0], "owner");
    assert!(json["exceptions"].to_string().contains("clients_anyone"));
}

#[tokio::test]
async fn evidence_that_is_not_what_was_expected() {
    assert_eq!(
        refused(|says| says.measurement = sha256(b"modified")).await,
        "evidence.measurement"
    );
    // Evidence that was made for another connection, and is relayed on this one.
    assert_eq!(refused(|says| says.exporter_flip = 1).await, "evidence.binding");
    assert_eq!(
        refused(|says| says.manifest_digest = Some(sha256(b"other"))).await,
        "evidence.manifest_digest"
    );
    assert_eq!(
        refused(|says| says.other_certificate = true).await,
        "channel.answer"
    );
}

#[tokio::test]
async fn a_status_that_contradicts_the_evidence() {
    assert_eq!(
        refused(|says| says.status_root = Some(authority("another").0)).await,
        "channel.answer"
    );
}

#[tokio::test]
async fn a_phase_in_which_nothing_is_sent() {
    assert_eq!(
        refused(|says| says.phase = "rolled_back").await,
        "state.rolled_back"
    );
    assert_eq!(refused(|says| says.phase = "recovery").await, "state.phase");
    assert_eq!(
        refused(|says| says.phase = "awaiting_manifest").await,
        "state.phase"
    );
}

#[tokio::test]
async fn a_manifest_that_is_not_the_one_in_the_evidence() {
    assert_eq!(
        refused(|says| says.manifest.push(b' ')).await,
        "manifest.substituted"
    );
    assert_eq!(
        refused(|says| says.status_digest = sha256(b"newer")).await,
        "trust.manifest_changed"
    );
}

#[tokio::test]
async fn a_policy_that_expects_something_else() {
    let world = World::new();
    let refused = async |policy: ClientPolicy| {
        verify_with(&world, &policy, Pin::First)
            .await
            .expect_err("it is refused")
            .code()
            .to_owned()
    };
    let draft = || world.draft();
    let policy = |draft: strongroom_client::policy::Draft| draft.finish().unwrap();

    let mut other = draft();
    other.protection = vec![Protection::Confidential];
    assert_eq!(refused(policy(other)).await, "evidence.protection");
    let mut other = draft();
    other.roots = vec![authority("somebody's platform").0.to_pem()];
    assert_eq!(refused(policy(other)).await, "evidence.root");
    let mut other = draft();
    other.manifests = vec![sha256(b"another")];
    assert_eq!(refused(policy(other)).await, "evidence.manifest_digest");

    let roles = |held: &[&str]| {
        [(
            "owner".to_owned(),
            held.iter().map(|role| (*role).to_owned()).collect(),
        )]
        .into_iter()
        .collect()
    };
    assert_eq!(
        refused(world.policy().with_roles(roles(&["reader"]))).await,
        "policy.role_unlisted"
    );
    let allowed = world.policy().with_roles(roles(&["model-owner", "reader"]));
    assert!(verify_with(&world, &allowed, Pin::First).await.is_ok());
}

/// A world whose deployment was verified before.
async fn pinned() -> (World, Trust) {
    let world = World::new();
    let trust = verify(&world, Pin::First).await.unwrap().trust().clone();
    (world, trust)
}

#[tokio::test]
async fn a_log_has_to_continue() {
    let (mut world, trust) = pinned().await;
    world.says.entries = entries(8);
    let later = verify(&world, Pin::Hold(&trust)).await.unwrap();
    assert_eq!(later.trust().log_head().size, 8);

    // An old state, brought back: shorter than what was seen.
    world.says.entries = entries(5);
    let error = verify(&world, Pin::Hold(later.trust())).await.unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("log.not_extended", Kind::Unverified)
    );

    // Another history of the same length and more.
    world.says.entries = entries(9);
    world.says.entries[1].sealed_hash = Hex32([1; 32]);
    let error = verify(&world, Pin::Hold(later.trust())).await.unwrap_err();
    assert_eq!(error.code(), "log.not_extended");
    // Accepting a new manifest is no reason to accept another log.
    let error = verify(&world, Pin::AcceptChanges(later.trust()))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "log.not_extended");
}

#[tokio::test]
async fn a_deployment_that_changed_is_refused_unless_that_is_accepted() {
    let (mut world, trust) = pinned().await;
    world.says.marble_root = authority("another marble root").0;
    let error = verify(&world, Pin::Hold(&trust)).await.unwrap_err();
    assert_eq!(error.code(), "trust.marble_root_changed");
    assert!(
        error
            .to_string()
            .contains("the root of the marbles' certificates was"),
        "{error}"
    );
    let accepted = verify(&world, Pin::AcceptChanges(&trust)).await.unwrap();
    assert_eq!(accepted.changes().len(), 1);
    assert!(
        accepted
            .report()
            .to_string()
            .contains("changed since the trust file was written")
    );

    // The same program on the same platform, with a root and a log of its own.
    let mut other = World::new();
    other.platform = world.platform.clone();
    other.says.manifest = world.says.manifest.clone();
    other.says.manifest_digest = world.says.manifest_digest;
    other.says.status_digest = world.says.status_digest;
    let error = verify_with(&other, &world.policy(), Pin::Hold(&trust))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "trust.root_changed");
}

#[tokio::test]
async fn reading_needs_the_pinned_root() {
    let (world, trust) = pinned().await;
    let running = world.start().await;
    let pinned = running.coordinator.pinned(&trust, &world.caller()).await.unwrap();
    assert_eq!(pinned.status().await.unwrap().phase, "running");
    assert_eq!(pinned.manifest().await.unwrap(), world.says.manifest);
    assert_eq!(pinned.log().await.unwrap().entries().len(), 3);

    let stranger = World::new().start().await;
    let error = stranger
        .coordinator
        .pinned(&trust, &world.caller())
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("channel.root_changed", Kind::Unverified)
    );

    let mut changed = world;
    changed.says.manifest.push(b' ');
    changed.says.status_digest = sha256(b"newer");
    let running = changed.start().await;
    let pinned = running
        .coordinator
        .pinned(&trust, &changed.caller())
        .await
        .unwrap();
    assert_eq!(
        pinned.status().await.unwrap_err().code(),
        "trust.manifest_changed"
    );
    assert_eq!(
        pinned.manifest().await.unwrap_err().code(),
        "trust.manifest_changed"
    );
    changed.says.phase = "rolled_back";
    let running = changed.start().await;
    let pinned = running
        .coordinator
        .pinned(&trust, &changed.caller())
        .await
        .unwrap();
    assert_eq!(pinned.status().await.unwrap_err().code(), "state.rolled_back");
    changed.says.phase = "running";
    changed.says.entries = entries(2);
    changed.says.status_digest = trust.manifest_digest();
    let running = changed.start().await;
    let pinned = running
        .coordinator
        .pinned(&trust, &changed.caller())
        .await
        .unwrap();
    assert_eq!(pinned.status().await.unwrap_err().code(), "log.not_extended");
}

#[tokio::test]
async fn a_peer_does_not_choose_our_codes() {
    let (mut world, trust) = pinned().await;
    world.says.refuses = Some((
        StatusCode::SERVICE_UNAVAILABLE,
        json!({ "code": "state.rolled_back", "message": "so I say", "request_id": "17" }),
    ));
    let running = world.start().await;
    let unverified = [
        verify(&world, Pin::First).await.unwrap_err(),
        running
            .coordinator
            .look(&world.caller())
            .await
            .unwrap()
            .status()
            .await
            .unwrap_err(),
    ];
    for error in unverified {
        assert_eq!((error.code(), error.kind()), ("peer.refused", Kind::Failed));
        assert_eq!(error.peer_code(), Some("state.rolled_back"));
        assert_eq!(error.hint(), None);
        assert!(
            error
                .to_string()
                .ends_with("refused: so I say (request 17) (its code: state.rolled_back)"),
            "{error}"
        );
    }
    // The pinned root is the coordinator's own: what it says is worth a hint, and is its word all the same.
    let pinned = running.coordinator.pinned(&trust, &world.caller()).await.unwrap();
    let error = pinned.status().await.unwrap_err();
    assert_eq!(
        (error.code(), error.peer_code()),
        ("peer.refused", Some("state.rolled_back"))
    );
    assert!(error.hint().unwrap().contains("nothing may be sent to it"));

    // No code of ours but those few has a hint, whoever says it.
    world.says.refuses = Some((
        StatusCode::FORBIDDEN,
        json!({ "code": "evidence.measurement", "message": "", "request_id": "" }),
    ));
    let running = world.start().await;
    let pinned = running.coordinator.pinned(&trust, &world.caller()).await.unwrap();
    assert_eq!(pinned.status().await.unwrap_err().hint(), None);
}

#[tokio::test]
async fn another_server_is_told_from_a_coordinator() {
    let mut world = World::new();
    world.says.refuses = Some((StatusCode::NOT_FOUND, json!("no such page")));
    let error = verify(&world, Pin::First).await.unwrap_err();
    assert_eq!((error.code(), error.peer_code()), ("peer.refused", None));
    assert_eq!(
        error.hint().as_deref(),
        Some("no Strongroom coordinator answers here; check the port")
    );
    world.says.refuses = Some((StatusCode::BAD_GATEWAY, json!("no such host")));
    let error = verify(&world, Pin::First).await.unwrap_err();
    assert_eq!((error.code(), error.hint()), ("peer.refused", None));
}
