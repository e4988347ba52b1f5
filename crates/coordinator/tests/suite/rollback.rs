//! An older state put back, a copy that goes on beside the original, state of another platform.

use std::fs;
use std::path::Path;

use http::StatusCode;
use strongroom_coordinator::writer::OpenError;
use tonic::Code;

use crate::fixture::{Deployed, deployed, open, start};
use crate::workload::Workload;

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("makes a folder");
    for file in fs::read_dir(from).expect("lists") {
        let file = file.expect("file");
        fs::copy(file.path(), to.join(file.file_name())).expect("copies");
    }
}

#[tokio::test]
async fn an_older_state_answers_and_releases_nothing() {
    let Deployed {
        machine,
        folder,
        owner,
        digest,
        running,
        ..
    } = deployed().await;
    let (state, old) = (folder.path().join("state"), folder.path().join("old"));
    let root = running.get("/api/v3/status").await.json()["root"].clone();
    copy(&state, &old);
    running.set_secrets(&owner, digest).await;
    running.stop().await;

    let running = start(&machine, &old).await;
    let status = running.get("/api/v3/status").await.json();
    assert_eq!(
        (&status["phase"], &status["root"]),
        (&"rolled_back".into(), &root)
    );
    assert_eq!(running.get("/api/v2/status").await.json()["data"]["code"], 1);
    assert_eq!(running.get("/api/v3/log").await.status, StatusCode::OK);
    let body = serde_json::json!({"nonce": crate::fixture::base64(&[1; 32])}).to_string();
    let evidence = running.ask(None, "POST", "/api/v3/evidence", body).await.json();
    assert_eq!(evidence["phase"], "rolled_back");
    let refused = Workload::new(&machine, "plain")
        .activate(&running)
        .await
        .expect_err("refused");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("[state.rolled_back]"), "{refused:?}");
    let put = running.ask(Some(&owner), "PUT", "/api/v3/secrets", "{}").await;
    assert_eq!(put.code(), "state.rolled_back");
    running.stop().await;

    // The newest state is still good.
    let running = start(&machine, &state).await;
    assert_eq!(running.get("/api/v3/status").await.json()["phase"], "running");
}

#[tokio::test]
async fn a_crash_between_state_and_counter_is_no_rollback() {
    let Deployed {
        machine,
        folder,
        running,
        ..
    } = deployed().await;
    running.stop().await;
    machine.set_counters(|value| value - 1);
    let running = start(&machine, &folder.path().join("state")).await;
    assert_eq!(running.get("/api/v3/status").await.json()["phase"], "running");
    running.stop().await;
    machine.set_counters(|value| value - 2);
    let running = start(&machine, &folder.path().join("state")).await;
    assert_eq!(
        running.get("/api/v3/status").await.json()["phase"],
        "rolled_back",
        "a counter that lost steps"
    );
}

/// A copy of a state that names the next value of the counter, taken before the counter got there, is not behind by
/// itself. It is once any other copy has started, since a start takes two steps.
#[tokio::test]
async fn every_start_takes_two_steps_of_the_counter() {
    let Deployed {
        machine,
        folder,
        running,
        ..
    } = deployed().await;
    running.stop().await;
    let counter = || {
        let mut found = 0;
        machine.set_counters(|value| {
            found = value;
            value
        });
        found
    };
    let before = counter();
    start(&machine, &folder.path().join("state")).await.stop().await;
    assert!(counter() >= before + 2, "from {before} to {}", counter());
}

#[tokio::test]
async fn of_two_copies_only_one_goes_on() {
    let Deployed {
        machine,
        folder,
        owner,
        digest,
        running,
        ..
    } = deployed().await;
    let (state, fork) = (folder.path().join("state"), folder.path().join("fork"));
    running.stop().await;
    copy(&state, &fork);
    let (original, copy) = (start(&machine, &state).await, start(&machine, &fork).await);
    let phases = [&original, &copy].map(|running| running.coordinator.view().phase.as_str());
    assert!(phases.contains(&"rolled_back"), "{phases:?}");
    let winner = if phases[0] == "running" { &original } else { &copy };
    winner.set_secrets(&owner, digest).await;
}

#[tokio::test]
async fn a_folder_that_is_in_use_or_damaged_does_not_open() {
    let Deployed {
        machine,
        folder,
        running,
        ..
    } = deployed().await;
    let state = folder.path().join("state");
    let locked = open(&machine, "coordinator", &state).await.expect_err("refused");
    assert!(locked.to_string().contains("another process"), "{locked}");
    running.stop().await;
    let mut archive = fs::read(state.join("archive")).expect("reads");
    // The record's text, with a frame that is right again: no crash, somebody's hand.
    let at = archive
        .windows(6)
        .position(|window| window == b"founde")
        .expect("a record");
    archive[at] = b'F';
    fs::write(state.join("archive"), &archive).expect("writes");
    assert!(matches!(
        open(&machine, "coordinator", &state).await,
        Err(OpenError::Store(_))
    ));
    archive[at] = b'f';
    fs::write(state.join("archive"), &archive).expect("writes");
    fs::remove_file(state.join("keys")).expect("removes");
    assert!(matches!(
        open(&machine, "coordinator", &state).await,
        Err(OpenError::KeyFile(_))
    ));
}
