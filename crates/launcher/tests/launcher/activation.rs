//! Who is believed: each refusal changes one thing in a launch that succeeds.

use std::time::Duration;

use strongroom_crypto::digest::sha256;
use strongroom_workload::{DraftCoordinator, Measured};
use tonic::Status;

use crate::coordinator::Script;
use crate::fixture::{Fixture, end, eventually};

async fn launched(script: Script) -> crate::fixture::Ended {
    Fixture::shell("exit 7", script).await.run().await
}

#[tokio::test]
async fn the_good_launch_succeeds_and_passes_on_the_exit_code() {
    launched(Script::default())
        .await
        .expect(7, "the coordinator is the expected one");
}

#[tokio::test]
async fn another_coordinator_program_is_refused_before_anything_is_sent() {
    let script = Script {
        measurement: sha256(b"modified"),
        ..Script::default()
    };
    let fixture = Fixture::shell("exit 7", script).await;
    let coordinator = fixture.coordinator.clone();
    let ended = fixture.run().await;
    ended.expect(103, "evidence.measurement");
    assert!(
        ended.log.contains("evidence of the coordinator refused"),
        "{}",
        ended.log
    );
    assert_eq!(coordinator.activations(), 0);
}

#[tokio::test]
async fn evidence_of_another_connection_is_refused() {
    launched(Script {
        relayed: true,
        ..Script::default()
    })
    .await
    .expect(103, "evidence.binding");
}

#[tokio::test]
async fn certificates_of_another_root_than_the_verified_one_are_refused() {
    launched(Script {
        other_root: true,
        ..Script::default()
    })
    .await
    .expect(104, "launcher.certificate");
}

#[tokio::test]
async fn a_certificate_over_another_key_is_refused() {
    launched(Script {
        stolen_key: true,
        ..Script::default()
    })
    .await
    .expect(104, "it certifies another key");
}

#[tokio::test]
async fn a_certificate_of_another_type_is_refused() {
    let script = Script {
        marble_type: "other".to_owned(),
        ..Script::default()
    };
    launched(script).await.expect(104, "another marble type");
}

#[tokio::test]
async fn a_key_made_by_the_coordinator_needs_the_descriptions_leave() {
    let script = || Script {
        own_key: true,
        ..Script::default()
    };
    launched(script())
        .await
        .expect(104, "the coordinator made the private key itself");
    let mut fixture = Fixture::shell(
        "case $MARBLE_PREDEFINED_PRIVATE_KEY in -----BEGIN*) exit 7;; esac",
        script(),
    )
    .await;
    fixture.draft.coordinator_may_set_environment = vec!["MARBLE_PREDEFINED_PRIVATE_KEY".to_owned()];
    fixture.run().await.expect(7, "activated");
}

#[tokio::test]
async fn a_refusal_is_final_and_its_words_are_logged() {
    let script = Script {
        refusals: vec![Status::permission_denied("undefined package")],
        ..Script::default()
    };
    let ended = launched(script).await;
    ended.expect(104, "launcher.activation_refused");
    assert!(ended.log.contains("undefined package"), "{}", ended.log);
}

#[tokio::test]
async fn an_unset_secret_and_a_coordinator_that_is_not_ready_are_waited_for() {
    let refusals = vec![
        Status::failed_precondition("secret_unset: digits-key"),
        Status::failed_precondition("cannot accept marbles in current state"),
        Status::unavailable("busy"),
    ];
    let fixture = Fixture::shell(
        "exit 7",
        Script {
            refusals,
            ..Script::default()
        },
    )
    .await;
    let coordinator = fixture.coordinator.clone();
    let ended = fixture.run().await;
    ended.expect(7, "the owner of the secret");
    assert!(ended.log.contains("digits-key"), "{}", ended.log);
    assert!(
        ended.log.contains("the administrator of the coordinator"),
        "{}",
        ended.log
    );
    assert_eq!(coordinator.activations(), 4);
}

#[tokio::test]
async fn an_unreachable_coordinator_is_waited_for_until_a_signal() {
    let mut fixture = Fixture::shell("exit 7", Script::default()).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("port");
    fixture.env("EDG_MARBLE_COORDINATOR_ADDR", &closed.to_string());
    let child = fixture.start();
    let process =
        rustix::process::Pid::from_raw(i32::try_from(child.id().expect("running")).expect("id")).expect("id");
    eventually("the UUID is made", || fixture.path("uuid").exists()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("signal");
    end(child).await.expect(128 + 15, "waiting");
}

#[tokio::test]
async fn a_coordinator_is_believed_unverified_only_where_the_description_says_so() {
    let script = Script {
        measurement: sha256(b"modified"),
        ..Script::default()
    };
    let mut fixture = Fixture::shell("exit 7", script).await;
    fixture.draft.coordinator = DraftCoordinator::Unverified;
    fixture.run().await.expect(7, "does not verify the coordinator");
}

#[tokio::test]
async fn a_modified_program_is_refused_before_anybody_is_called() {
    let mut fixture = Fixture::shell("exit 7", Script::default()).await;
    fixture.draft.program = Measured::new(fixture.draft.program.path(), sha256(b"other"));
    let coordinator = fixture.coordinator.clone();
    fixture.run().await.expect(101, "workload.program_digest");
    assert_eq!(coordinator.activations(), 0);
}

#[tokio::test]
async fn a_misspelt_variable_is_refused() {
    let mut fixture = Fixture::shell("exit 7", Script::default()).await;
    fixture.env("EDG_MARBLE_DNS_NAME", "x");
    fixture.run().await.expect(100, "EDG_MARBLE_DNS_NAME");
}
