//! A coordinator that is killed under load loses nothing that it has answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use strongroom_e2e::coordinator::{Machine, User, ask, connect, now};
use strongroom_ratls::Identity;

const WRITERS: usize = 4;
const ROUNDS: u64 = 12;

/// What one writer knows: the last number that was answered, and the last that was sent.
#[derive(Debug, Clone, Copy, Default)]
struct Written {
    answered: u64,
    sent: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_write_survives_sigkill() {
    let machine = Machine::start();
    let user = User::new("writer", now());
    let mut coordinator = machine.coordinator("state");
    set_manifest(coordinator.client_address(), &machine, &user).await;

    let mut written = [Written::default(); WRITERS];
    let mut log_size = 0;
    for round in 0..ROUNDS {
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let address = coordinator.client_address().to_owned();
                let (identity, stop) = (user.identity.clone(), Arc::clone(&stop));
                tokio::spawn(write(address, identity, writer, written[writer], stop))
            })
            .collect();
        // Spread over the time that a few hundred writes take, at another point in each round.
        tokio::time::sleep(Duration::from_millis(20 + (round * 37) % 240)).await;
        coordinator.kill();
        stop.store(true, Ordering::Relaxed);
        for (writer, task) in writers.into_iter().enumerate() {
            written[writer] = task.await.expect("a writer ends");
        }

        coordinator = machine.coordinator("state");
        let connection = coordinator.connect(Some(&user.identity)).await;
        for (writer, known) in written.iter_mut().enumerate() {
            let found = read(&connection, writer).await;
            assert!(
                (known.answered..=known.sent).contains(&found),
                "round {round}, writer {writer}: found {found}, answered {}, sent {}",
                known.answered,
                known.sent
            );
            *known = Written {
                answered: found,
                sent: found,
            };
        }
        let (_, log) = ask(&connection, Method::GET, "/api/v3/log?from=0&max=1", None)
            .await
            .expect("the log");
        let size = log["head"]["size"].as_u64().expect("the log's size");
        assert!(size > log_size, "the log grows: {log_size} then {size}");
        log_size = size;
    }
    let total: u64 = written.iter().map(|written| written.answered).sum();
    assert!(
        total > ROUNDS,
        "only {total} writes were answered: the test did not load the coordinator"
    );
}

async fn write(
    address: String,
    identity: Identity,
    writer: usize,
    mut known: Written,
    stop: Arc<AtomicBool>,
) -> Written {
    let connection = connect(&address, Some(&identity)).await;
    while !stop.load(Ordering::Relaxed) {
        known.sent += 1;
        let value = STANDARD.encode(known.sent.to_string());
        let body = json!({ "secrets": { name(writer): { "Key": value } } });
        match ask(&connection, Method::POST, "/api/v2/secrets", Some(&body)).await {
            Some((status, _)) if status.is_success() => known.answered = known.sent,
            Some((status, answer)) => panic!("writer {writer}: {status} {answer}"),
            None => break,
        }
    }
    known
}

async fn read(connection: &strongroom_ratls::channel::HttpConnection, writer: usize) -> u64 {
    let path = format!("/api/v2/secrets?s={}", name(writer));
    let (status, answer) = ask(connection, Method::GET, &path, None)
        .await
        .expect("an answer");
    if !status.is_success() {
        panic!("reading {}: {status} {answer}", name(writer));
    }
    let secret = &answer["data"]["secrets"][name(writer)];
    let Some(value) = secret["Public"].as_str() else {
        return 0;
    };
    let bytes = STANDARD.decode(value).expect("base64");
    String::from_utf8(bytes).expect("a number").parse().unwrap_or(0)
}

async fn set_manifest(address: &str, machine: &Machine, user: &User) {
    let names: Vec<_> = (0..WRITERS).map(name).collect();
    let secrets: BTreeMap<_, Value> = names
        .iter()
        .map(|name| {
            (
                name,
                json!({ "Type": "plain", "UserDefined": true, "Shared": true }),
            )
        })
        .collect();
    let role =
        |action: &str| json!({ "ResourceType": "Secrets", "ResourceNames": names, "Actions": [action] });
    let manifest = json!({
        "Packages": { "p": {
            "Platform": "software", "Measurements": ["00".repeat(32)], "Workloads": ["00".repeat(32)],
            "Roots": [machine.root_pem()], "Protection": ["simulated"],
        } },
        "Marbles": { "m": { "Package": "p" } },
        "Secrets": secrets,
        "Users": { "writer": { "Certificate": user.certificate, "Roles": ["read", "write"] } },
        "Roles": { "read": role("ReadSecret"), "write": role("WriteSecret") },
    });
    let body = json!({ "manifest": STANDARD.encode(manifest.to_string()) });
    let connection = connect(address, None).await;
    let (status, answer) = ask(&connection, Method::POST, "/api/v2/manifest", Some(&body))
        .await
        .expect("an answer");
    assert!(status.is_success(), "{status} {answer}");
    // Read before the first write: nothing is there yet, and that is an answer too.
    for name in &names {
        let body = json!({ "secrets": { name.as_str(): { "Key": STANDARD.encode("0") } } });
        let connection = connect(address, Some(&user.identity)).await;
        let (status, answer) = ask(&connection, Method::POST, "/api/v2/secrets", Some(&body))
            .await
            .expect("an answer");
        assert!(status.is_success(), "{status} {answer}");
    }
}

fn name(writer: usize) -> String {
    format!("s{writer}")
}
