//! Logs made by hand, and each way in which one can be wrong.

use std::collections::BTreeMap;

use strongroom_api::coordinator::bytes::{Base64, Hex32};
use strongroom_api::coordinator::log::Record;
use strongroom_crypto::chain::sign_checkpoint;
use strongroom_crypto::digest::sha256;
use strongroom_crypto::issue::{self, Authority, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::Names;

use super::*;
use crate::trust::Trust;
use crate::trust::tests::trust_in;

const DEPLOYMENT: [u8; 16] = [7; 16];

/// A log of `epochs.len()` entries, each of the given epoch.
pub(crate) fn entries(epochs: &[u64]) -> Vec<Entry> {
    epochs
        .iter()
        .zip(0..)
        .map(|(epoch, sequence)| {
            let record = Record {
                epoch: *epoch,
                sequence,
                time_ms: 1_800_000_000_000 + sequence,
                actor: Actor::Coordinator,
                event: "activated".to_owned(),
                details: BTreeMap::from([("marble".to_owned(), "inference".to_owned())]),
            };
            Entry {
                record_digest: Hex32(sha256(&record.canonical_bytes()).0),
                sealed_hash: Hex32(sha256(b"sealed").0),
                record: Some(record),
            }
        })
        .collect()
}

pub(crate) fn heads(entries: &[Entry]) -> Vec<LogHead> {
    let mut heads = vec![LogHead::genesis(&DEPLOYMENT)];
    for entry in entries {
        let epoch = entry.record.as_ref().unwrap().epoch;
        let last = heads[heads.len() - 1];
        heads.push(last.append_digest(
            epoch,
            &Digest32(entry.record_digest.0),
            &Digest32(entry.sealed_hash.0),
        ));
    }
    heads
}

fn without_records(entries: &[Entry]) -> Vec<Entry> {
    entries
        .iter()
        .map(|entry| Entry {
            record: None,
            ..entry.clone()
        })
        .collect()
}

fn follow(start: LogHead, end: LogHead, entries: &[Entry]) -> Result<LogHead, LogError> {
    let mut follower = Follower::new(start, end)?;
    for entry in entries {
        follower.take(entry)?;
    }
    follower.finish()
}

#[test]
fn a_log_that_continues_is_followed_with_and_without_records() {
    let all = entries(&[0, 0, 0, 1, 1, 2]);
    let heads = heads(&all);
    for seen in 0..heads.len() {
        assert_eq!(
            follow(heads[seen], heads[6], &all[seen..]),
            Ok(heads[6]),
            "from {seen}"
        );
        assert_eq!(
            follow(heads[seen], heads[6], &without_records(&all[seen..])),
            Ok(heads[6]),
            "from {seen}"
        );
    }
}

#[test]
fn a_log_that_does_not_continue_is_refused() {
    let all = entries(&[0, 0, 0, 1]);
    let heads = heads(&all);
    let refused = |start, end, entries: &[Entry]| follow(start, end, entries).unwrap_err().code();

    assert_eq!(refused(heads[3], heads[2], &[]), "log.not_extended"); // rolled back
    let mut other = all.clone();
    other[0].sealed_hash = Hex32([9; 32]);
    let forked = self::heads(&other);
    assert_eq!(refused(heads[2], forked[4], &other[2..]), "log.not_extended"); // another history
    assert_eq!(
        refused(heads[2], LogHead { epoch: 1, ..heads[2] }, &[]),
        "log.not_extended"
    );
    assert_eq!(refused(heads[0], forked[4], &all), "log.broken");

    let mut moved = all.clone();
    moved.swap(1, 2);
    assert_eq!(refused(heads[0], heads[4], &moved), "log.broken");
    let mut shown_otherwise = all.clone();
    shown_otherwise[2].record.as_mut().unwrap().event = "nothing".to_owned();
    assert_eq!(refused(heads[0], heads[4], &shown_otherwise), "log.broken");
    let mut backwards = entries(&[0, 1, 0]);
    backwards[2].record.as_mut().unwrap().epoch = 0;
    let ends = self::heads(&entries(&[0, 1, 1]));
    assert_eq!(refused(ends[0], ends[3], &backwards), "log.broken");
}

fn certificate(usage: Usage, name: &str) -> Template {
    Template {
        common_name: name.to_owned(),
        names: Names::default(),
        not_before: UnixTime(1_700_000_000),
        not_after: UnixTime(1_900_000_000),
        usage,
        extensions: Vec::new(),
    }
}

fn file(entries: Vec<Entry>, signed_size: usize) -> (LogFile, Certificate) {
    file_signed_by(Usage::Leaf, entries, signed_size)
}

fn file_signed_by(usage: Usage, entries: Vec<Entry>, signed_size: usize) -> (LogFile, Certificate) {
    let root_key = SigningKey::generate_p384();
    let root = issue::self_signed(&certificate(Usage::Authority, "root"), &root_key, &SystemRandom).unwrap();
    let log_key = SigningKey::generate_p384();
    let log_certificate = Authority::new("root", &root_key)
        .issue(&certificate(usage, "log"), log_key.spki_der(), &SystemRandom)
        .unwrap();
    let heads = heads(&entries);
    let wire = |head: &LogHead| Head {
        epoch: head.epoch,
        size: head.size,
        hash: Hex32(head.hash.0),
    };
    let time = UnixTime(1_800_000_000);
    let checkpoint = Checkpoint {
        head: wire(&heads[signed_size]),
        time: time.0,
        signature: Base64(sign_checkpoint(&log_key, &DEPLOYMENT, &heads[signed_size], time)),
        certificate: Base64(log_certificate.der().to_vec()),
    };
    let end = wire(&heads[heads.len() - 1]);
    (
        LogFile::new(hex::encode(DEPLOYMENT), &root, entries, Some(checkpoint), end),
        root,
    )
}

#[test]
fn a_file_verifies_offline_and_each_change_is_found() {
    let (good, _) = file(entries(&[0, 0, 1]), 2);
    let good = LogFile::parse(good.to_json().as_bytes()).unwrap();
    let verdict = good.verify(None).unwrap();
    assert_eq!(
        (verdict.head.size, verdict.signed_entries, verdict.pinned),
        (3, Some(2), false)
    );

    let refused = |change: fn(&mut LogFile)| {
        let (mut file, _) = file(entries(&[0, 0, 1]), 2);
        change(&mut file);
        file.verify(None).unwrap_err().code()
    };
    assert_eq!(
        refused(|file| file.deployment = hex::encode([8; 16])),
        "log.broken"
    );
    assert_eq!(refused(|file| file.deployment = "xy".to_owned()), "log.malformed");
    assert_eq!(refused(|file| drop(file.entries.pop())), "log.broken");
    assert_eq!(
        refused(|file| file.entries[0].sealed_hash = Hex32([0; 32])),
        "log.broken"
    );
    assert_eq!(
        refused(|file| file.checkpoint.as_mut().unwrap().time += 1),
        "log.checkpoint"
    );
    assert_eq!(
        refused(|file| file.checkpoint.as_mut().unwrap().head.hash = Hex32([0; 32])),
        "log.checkpoint"
    );
    assert_eq!(
        refused(|file| file.root = self::file(Vec::new(), 0).1.to_pem()),
        "log.checkpoint"
    );
    assert_eq!(refused(|file| file.root = String::new()), "log.malformed");
}

#[test]
fn a_trust_file_pins_root_and_head() {
    let (good, root) = file(entries(&[0, 0, 1]), 2);
    let at = heads(&entries(&[0, 0, 1]));
    assert!(good.verify(Some(&trust_in(&root, at[1]))).unwrap().pinned);
    let refused = |trust: &Trust| good.verify(Some(trust)).unwrap_err().code();
    // Seen: the same entries in another epoch, other entries, more entries, another coordinator.
    assert_eq!(
        refused(&trust_in(&root, LogHead { epoch: 1, ..at[1] })),
        "log.not_extended"
    );
    assert_eq!(
        refused(&trust_in(
            &root,
            LogHead {
                hash: sha256(b"other"),
                ..at[1]
            }
        )),
        "log.not_extended"
    );
    assert_eq!(
        refused(&trust_in(&root, LogHead { size: 4, ..at[3] })),
        "log.not_extended"
    );
    assert_eq!(
        refused(&trust_in(&crate::trust::tests::authority("root"), at[1])),
        "log.checkpoint"
    );
}

#[test]
fn an_authority_under_the_root_is_not_the_log_key() {
    // The marble root is certified by the same root, and signs for whoever it likes.
    let (file, _) = file_signed_by(Usage::Authority, entries(&[0]), 1);
    assert_eq!(file.verify(None).unwrap_err().code(), "log.checkpoint");
}
