//! The same through `strongroom attest verify`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::FAMILY;
use crate::verdicts::rows;

fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test.parent().and_then(Path::parent);
    let path = profile
        .expect("tests lie in target/PROFILE/deps")
        .join("strongroom");
    assert!(
        path.is_file(),
        "{} is missing: run `cargo test --workspace`, which builds it",
        path.display()
    );
    path
}

/// Runs `strongroom attest verify --json` on files of the family.
fn verify(folder: &str, evidence: &Path, endorsements: &[String], more: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(["attest", "verify", "--json"]);
    command.arg("--evidence").arg(evidence);
    for name in endorsements {
        command
            .arg("--endorsements")
            .arg(FAMILY.path(&format!("{folder}/{name}")));
    }
    command.args(more).output().expect("it runs")
}

fn report(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "");
    serde_json::from_slice(&output.stdout).expect("a report")
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn the_program_says_the_same() {
    let mut differences = Vec::new();
    for row in rows() {
        let (platform, _) = row.id.split_once('/').expect("a folder below the platform's");
        let evidence = FAMILY.path(&format!("{}/{}", row.id, row.evidence));
        let at = row.at.to_string();
        let named = verify(
            &row.id,
            &evidence,
            &row.endorsements,
            &["--at", &at, "--platform", platform],
        );
        let detected = verify(&row.id, &evidence, &row.endorsements, &["--at", &at]);
        assert_eq!(named.stdout, detected.stdout, "{}", row.name());
        let report = report(&named);
        differences.extend(row.differences(&report));
        let code = if report["verdict"] == "accepted" { 0 } else { 1 };
        assert_eq!(named.status.code(), Some(code), "{}", row.name());
        assert_eq!(detected.status.code(), Some(code), "{}", row.name());
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn damage_is_refused_and_other_bytes_are_not_understood() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("evidence");
    let mut seen = Vec::new();
    for row in rows() {
        if seen.contains(&row.id) {
            continue;
        }
        let (platform, _) = row.id.split_once('/').expect("a folder below the platform's");
        let bytes = FAMILY.read(&format!("{}/{}", row.id, row.evidence));
        let at = row.at.to_string();
        let run = |bytes: &[u8], platform: &str| {
            std::fs::write(&file, bytes).expect("a file");
            let more = ["--at", at.as_str(), "--platform", platform];
            verify(&row.id, &file, &row.endorsements, &more)
        };
        // In the middle, at the end, cut short, continued.
        let flipped = |at: usize| {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            changed
        };
        for damaged in [
            flipped(bytes.len() / 3),
            flipped(400),
            bytes[..bytes.len() / 2].to_vec(),
            bytes[..100].to_vec(),
            [&bytes[..], b"more"].concat(),
        ] {
            let output = run(&damaged, platform);
            assert_eq!(output.status.code(), Some(1), "{}: {output:?}", row.name());
            let report = report(&output);
            assert_eq!(report["verdict"], "refused");
            assert!(report["first_failed_check"].is_string());
            assert_eq!(report["platform"], platform);
        }
        for other in ["sgx", "tdx", "snp", "tpm"]
            .iter()
            .filter(|other| **other != platform)
        {
            let output = run(&bytes, other);
            assert_eq!(output.status.code(), Some(2), "{} as {other}", row.name());
            assert!(output.stdout.is_empty());
        }
        let text = run(hex::encode(&bytes).as_bytes(), platform);
        assert_eq!(text.status.code(), Some(2), "{}: {text:?}", row.name());
        let said = String::from_utf8_lossy(&text.stderr).into_owned();
        assert!(said.contains("hexadecimal text"), "{said}");
        seen.push(row.id);
    }
    assert!(seen.len() >= 6, "{seen:?}");
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn a_folder_of_endorsements_is_as_good_as_its_files() {
    for row in rows().iter().filter(|row| row.id.starts_with("snp/")) {
        let evidence = FAMILY.path(&format!("{}/{}", row.id, row.evidence));
        let folder = verify(
            &row.id,
            &evidence,
            &[String::new()],
            &["--at", &row.at.to_string()],
        );
        assert_eq!(row.differences(&report(&folder)), Vec::<String>::new());
    }
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn what_is_given_beside_the_evidence_is_held_against_it() {
    let run = |folder: &str, collateral: &str, more: &[&str]| {
        let evidence = FAMILY.path(&format!("{folder}/quote.bin"));
        let output = verify(folder, &evidence, &[collateral.to_owned()], more);
        (
            output.status.code(),
            report(&output)["first_failed_check"].clone(),
        )
    };
    let hello = hex::encode(b"Hello, world!");
    let sgx = |more: &[&str]| {
        let at = ["--at", "1751624924"];
        run(
            "sgx/dcap-qvl-icelake-prod",
            "collateral-2025-06-19.json",
            &[&at[..], more].concat(),
        )
    };
    assert_eq!(sgx(&["--report-data", &hello]), (Some(1), "tcb.status".into()));
    assert_eq!(sgx(&["--nonce", &hello]), (Some(1), "tcb.status".into()));
    assert_eq!(sgx(&["--report-data", "00"]), (Some(1), "binding".into()));
    let live = |log: &str| {
        let log = FAMILY.path(&format!("tdx-eventlog/{log}/ccel.bin"));
        let log = log.display().to_string();
        let more = ["--at", "1792714008", "--event-log", &log];
        run("tdx/attestation-rs-live", "collateral-2026-10-08.json", &more)
    };
    assert_eq!(live("attestation-rs-ccel-live2"), (Some(1), "tcb.status".into()));
    let checks = |folder: &str| {
        let evidence = FAMILY.path("tdx/attestation-rs-live/quote.bin");
        let log = FAMILY
            .path(&format!("tdx-eventlog/{folder}/ccel.bin"))
            .display()
            .to_string();
        let more = ["--at", "1792714008", "--event-log", &log];
        let endorsements = ["collateral-2026-10-08.json".to_owned()];
        let report = report(&verify(
            "tdx/attestation-rs-live",
            &evidence,
            &endorsements,
            &more,
        ));
        let checks = report["checks"].as_array().cloned().unwrap_or_default();
        let mut replay = checks
            .into_iter()
            .filter(|check| check["id"] == "event_log.replay");
        replay.next().map(|check| check["outcome"].clone())
    };
    assert_eq!(checks("attestation-rs-ccel-live2"), Some("passed".into()));
    assert_eq!(checks("attestation-rs-ccel-live"), Some("failed".into()));
}
