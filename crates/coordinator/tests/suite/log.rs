//! The audit log: whole, chained, signed; readable for users, followable for everybody; free of secrets.

use serde_json::Value;
use strongroom_api::coordinator::log::Record;
use strongroom_api::coordinator::v3::Log;
use strongroom_crypto::chain::{LogHead, verify_checkpoint};
use strongroom_crypto::digest::{Digest32, sha256};
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;

use crate::fixture::{Deployed, base64, deployed, start};
use crate::workload::{UUID, Workload};

async fn log(deployed: &Deployed, as_user: bool) -> Log {
    let who = as_user.then_some(&deployed.owner);
    let answer = deployed.running.ask(who, "GET", "/api/v3/log", "").await;
    serde_json::from_str(&answer.text).expect("a log")
}

fn head(wire: &strongroom_api::coordinator::log::Head) -> LogHead {
    LogHead {
        epoch: wire.epoch,
        size: wire.size,
        hash: Digest32(wire.hash.0),
    }
}

fn follow(log: &Log) -> (LogHead, LogHead) {
    let id: [u8; 16] = hex::decode(&log.deployment)
        .expect("hex")
        .try_into()
        .expect("16 bytes");
    let mut at = LogHead::genesis(&id);
    let mut signed = at;
    let checkpoint = log.checkpoint.as_ref().expect("a checkpoint");
    for entry in &log.entries {
        let epoch = entry.record.as_ref().map_or(0, |record| record.epoch);
        if let Some(record) = &entry.record {
            assert_eq!(
                sha256(&record.canonical_bytes()).as_bytes(),
                &entry.record_digest.0
            );
        }
        at = at.append_digest(
            epoch,
            &Digest32(entry.record_digest.0),
            &Digest32(entry.sealed_hash.0),
        );
        if at.size == checkpoint.head.size {
            signed = at;
        }
    }
    (at, signed)
}

#[tokio::test]
async fn the_chain_holds_and_the_checkpoint_is_signed_by_the_log_key() {
    let deployed = deployed().await;
    deployed
        .running
        .set_secrets(&deployed.owner, deployed.digest)
        .await;
    Workload::new(&deployed.machine, "plain")
        .activate(&deployed.running)
        .await
        .expect("activated");
    for as_user in [true, false] {
        let log = log(&deployed, as_user).await;
        assert!(log.entries.iter().all(|entry| entry.record.is_some() == as_user));
        let (end, signed) = follow(&log);
        assert_eq!(end, head(&log.head));
        let checkpoint = log.checkpoint.expect("a checkpoint");
        assert_eq!(signed, head(&checkpoint.head));
        let certificate = Certificate::parse(&checkpoint.certificate.0).expect("a certificate");
        let status = deployed.running.get("/api/v3/status").await.json();
        let root = Certificate::parse_pem(status["root"].as_str().expect("PEM")).expect("a root");
        assert_eq!(
            certificate.verify_signature_by(&root.verifying_key().expect("a key")),
            Ok(())
        );
        assert!(
            !certificate.is_ca() && certificate.extension("2.5.29.37").is_none(),
            "it signs statements only"
        );
        let id: [u8; 16] = hex::decode(&log.deployment)
            .expect("hex")
            .try_into()
            .expect("16 bytes");
        let key = certificate.verifying_key().expect("a key");
        let time = UnixTime(checkpoint.time);
        verify_checkpoint(&key, &id, &signed, time, &checkpoint.signature.0).expect("signed");
    }
}

#[tokio::test]
async fn says_who_did_what_and_no_secret() {
    let deployed = deployed().await;
    deployed
        .running
        .set_secrets(&deployed.owner, deployed.digest)
        .await;
    let workload = Workload::new(&deployed.machine, "plain");
    workload.activate(&deployed.running).await.expect("activated");
    let denied = deployed
        .running
        .ask(Some(&deployed.other), "GET", "/api/v2/secrets?s=note", "")
        .await;
    assert_eq!(denied.status.as_u16(), 500);
    for _ in 0..3 {
        deployed
            .running
            .ask(None, "GET", "/api/v2/secrets?s=note", "")
            .await;
    }
    deployed.running.coordinator.commit_refusals().await;
    let log = log(&deployed, true).await;
    let records: Vec<Record> = log
        .entries
        .iter()
        .filter_map(|entry| entry.record.clone())
        .collect();
    let find = |event: &str| {
        records
            .iter()
            .find(|record| record.event == event)
            .unwrap_or_else(|| panic!("{event}"))
    };
    assert_eq!(records[0].event, "founded");
    assert_eq!(
        find("manifest_set").details["manifest"],
        deployed.digest.to_string()
    );
    assert_eq!(find("activated").details["uuid"], UUID);
    let refused = serde_json::to_value(&find("refused").actor).expect("JSON");
    assert_eq!(refused["name"], "other");
    assert_eq!(find("refused").details["code"], "user.forbidden");
    assert_eq!(find("refusals_counted").details["user.unauthenticated"], "3");
    let text = serde_json::to_string(&log).expect("JSON");
    for secret in [
        base64(&[7; 32]),
        base64(b"hello"),
        hex::encode([7; 32]),
        sha256(&[7; 32]).to_string(),
        sha256(b"hello").to_string(),
    ] {
        assert!(!text.contains(&secret));
    }
}

#[tokio::test]
async fn pages_and_survives_a_restart() {
    let deployed = deployed().await;
    deployed
        .running
        .set_secrets(&deployed.owner, deployed.digest)
        .await;
    let before = log(&deployed, true).await;
    let page = deployed.running.get("/api/v3/log?from=2&max=3").await.json();
    let digests = |value: &Value| {
        value
            .as_array()
            .expect("entries")
            .iter()
            .map(|e| e["record_digest"].clone())
            .collect::<Vec<_>>()
    };
    let all = serde_json::to_value(&before).expect("JSON");
    assert_eq!(digests(&page["entries"]), digests(&all["entries"])[2..5]);

    let Deployed {
        machine,
        folder,
        owner,
        other,
        digest,
        running,
    } = deployed;
    running.stop().await;
    let running = start(&machine, &folder.path().join("state")).await;
    let deployed = Deployed {
        machine,
        folder,
        owner,
        other,
        digest,
        running,
    };
    let after = log(&deployed, true).await;
    assert_eq!(after.entries[..before.entries.len()], before.entries[..]);
    let (end, _) = follow(&after);
    assert_eq!(end, head(&after.head));
    let status = deployed.running.get("/api/v3/status").await.json();
    assert_eq!(status["phase"], "running");
    assert_eq!(
        status["secrets"]["digits-key"]["set"], true,
        "a guarded secret survives on its machine"
    );
}
