//! The digest is a fixed function of what the description says, and of nothing else.

use proptest::prelude::*;
use serde_json::json;
use strongroom_crypto::digest::sha256;
use strongroom_workload::{Argv, Description, Draft, DraftCoordinator, Measured, ReportData};

fn draft() -> Draft {
    let mut draft = Draft::new(
        Measured::new("/usr/bin/program", sha256(b"program")),
        DraftCoordinator::Expect(json!([{ "platform": "software", "measurements": ["ab"] }])),
    );
    draft.files = vec![Measured::new("/lib/libc.so.6", sha256(b"libc"))];
    draft.argv = Argv::Fixed(vec!["program".to_owned(), "--flag".to_owned()]);
    draft.environment = vec!["HOME".to_owned(), "STRONGROOM_LOG".to_owned()];
    draft.coordinator_may_set_environment = vec!["TOKEN".to_owned()];
    draft.coordinator_may_set_files = vec!["/etc/app/".to_owned()];
    draft
}

fn digest(draft: &Draft) -> String {
    draft.check().expect("good description").digest().to_string()
}

#[test]
fn known_answers() {
    let smallest = Draft::new(Measured::new("/a", sha256(b"")), DraftCoordinator::Unverified);
    assert_eq!(
        digest(&smallest),
        "9c5c56e67f38288252b416a7f4409a2b4ae5cd143a9d1f2baefea32844052609"
    );
    assert_eq!(
        digest(&draft()),
        "677c2f56d358d0e71008de02c5e057f5b9951fb39578b25f32228b272bd3e496"
    );
}

#[test]
fn formatting_and_order_of_sets_do_not_matter() {
    let text = draft().to_json();
    let value: serde_json::Value = serde_json::from_str(&text).expect("json");
    let compact = Description::parse(value.to_string().as_bytes()).expect("good");
    assert_eq!(compact.digest().to_string(), digest(&draft()));
    let mut shuffled = draft();
    shuffled.environment.reverse();
    assert_eq!(digest(&shuffled), digest(&draft()));
}

#[test]
fn absent_and_default_are_the_same() {
    let mut value: serde_json::Value =
        serde_json::from_str(&Draft::new(draft().program, DraftCoordinator::Unverified).to_json())
            .expect("json");
    let full = Description::parse(value.to_string().as_bytes())
        .expect("good")
        .digest();
    for field in [
        "files",
        "environment",
        "coordinator_may_set",
        "provision_dir",
        "report_data",
    ] {
        value.as_object_mut().expect("object").remove(field);
    }
    assert_eq!(
        Description::parse(value.to_string().as_bytes())
            .expect("good")
            .digest(),
        full
    );
}

#[test]
fn every_field_counts() {
    type Change = fn(&mut Draft);
    let changes: [(&str, Change); 16] = [
        ("program path", |d| {
            d.program = Measured::new("/usr/bin/other", d.program.digest())
        }),
        ("program digest", |d| {
            d.program = Measured::new(d.program.path(), sha256(b"other"))
        }),
        ("file path", |d| {
            d.files = vec![Measured::new("/lib/other", sha256(b"libc"))]
        }),
        ("file digest", |d| {
            d.files = vec![Measured::new("/lib/libc.so.6", sha256(b"other"))]
        }),
        ("file added", |d| {
            d.files.push(Measured::new("/lib/libm.so.6", sha256(b"libm")))
        }),
        ("file removed", |d| d.files.clear()),
        ("argument", |d| {
            d.argv = Argv::Fixed(vec!["program".to_owned(), "--other".to_owned()])
        }),
        ("arguments joined", |d| {
            d.argv = Argv::Fixed(vec!["program--flag".to_owned()])
        }),
        ("argv source", |d| d.argv = Argv::Coordinator),
        ("environment", |d| d.environment.truncate(1)),
        ("may set environment", |d| {
            d.coordinator_may_set_environment.clear()
        }),
        ("may set files", |d| {
            d.coordinator_may_set_files = vec!["/etc/app".to_owned()]
        }),
        ("moved between lists", |d| {
            d.environment.push("TOKEN".to_owned());
            d.coordinator_may_set_environment.clear();
        }),
        ("expectation", |d| {
            d.coordinator = DraftCoordinator::Expect(json!([{ "platform": "software" }]))
        }),
        ("unverified", |d| d.coordinator = DraftCoordinator::Unverified),
        ("report data", |d| d.report_data = ReportData::Raw),
    ];
    let mut seen = vec![digest(&draft())];
    for (what, change) in changes {
        let mut changed = draft();
        change(&mut changed);
        let found = digest(&changed);
        assert!(!seen.contains(&found), "{what} does not change the digest");
        seen.push(found);
    }
    let mut moved = draft();
    moved.provision_dir = "/run/other".to_owned();
    assert!(!seen.contains(&digest(&moved)), "provision directory");
}

proptest! {
    #[test]
    fn different_arguments_have_different_digests(one in prop::collection::vec("[a-z]{0,3}", 1..5), other in prop::collection::vec("[a-z]{0,3}", 1..5)) {
        let with = |arguments: &[String]| {
            let mut draft = draft();
            draft.argv = Argv::Fixed(arguments.to_vec());
            digest(&draft)
        };
        prop_assert_eq!(one == other, with(&one) == with(&other));
    }

    #[test]
    fn never_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Description::parse(&bytes);
    }

    #[test]
    fn never_panics_on_mutated_descriptions(place in 0usize..400, byte in any::<u8>()) {
        let mut text = draft().to_json().into_bytes();
        let place = place % text.len();
        text[place] = byte;
        let _ = Description::parse(&text);
    }
}
