//! Evidence from files: the same checks, with what is known of the session given by hand.

mod common;

use common::{Fixture, NOW, good, other_digest};
use serde_json::json;
use strongroom_attest::{
    Endorsements, Inspection, InspectionPolicy, Outcome, Platform, PolicyError, Report, Roots,
};

fn inspect(fixture: &Fixture, policy: &InspectionPolicy, change: impl FnOnce(&mut Inspection<'_>)) -> Report {
    let mut inspection = Inspection {
        endorsements: &Endorsements::none(),
        policy,
        roots: &Roots::none(),
        report_data: None,
        now: NOW,
    };
    change(&mut inspection);
    inspection.report(&fixture.evidence())
}

fn policy_of(entries: serde_json::Value) -> Result<InspectionPolicy, PolicyError> {
    let policy = json!({ "format": "strongroom.policy.v1", "evidence": entries });
    InspectionPolicy::parse(policy.to_string().as_bytes())
}

fn expecting(fixture: &Fixture) -> InspectionPolicy {
    policy_of(json!([fixture.expected])).expect("a policy")
}

fn first_failure(report: &Report) -> Option<&'static str> {
    report.first_failure().map(|check| check.id)
}

#[test]
fn evidence_is_looked_at_without_a_session() {
    let fixture = good();
    let report = inspect(&fixture, &expecting(&fixture), |_| {});
    assert_eq!(first_failure(&report), None, "{report}");
    let binding = report.checks().iter().find(|check| check.id == "binding");
    let outcome = &binding.expect("it is told").outcome;
    assert!(matches!(outcome, Outcome::NotApplicable { why } if why.contains("the evidence says")));
}

#[test]
fn what_the_evidence_should_say_is_held_against_it() {
    let fixture = good();
    let policy = expecting(&fixture);
    let mine = fixture.session.report_data();
    let asked = |report_data: &[u8]| {
        let report_data = report_data.to_vec().leak();
        first_failure(&inspect(&fixture, &policy, |it| {
            it.report_data = Some(report_data)
        }))
    };
    assert_eq!(asked(&mine), None);
    // A beginning is not enough where the rest is not zero, and nothing is never what was asked for.
    assert_eq!(asked(&mine[..32]), Some("binding"));
    assert_eq!(asked(&[]), Some("binding"));
    assert_eq!(asked(b"another"), Some("binding"));
    let padded = good().stating(|it| {
        it.report_data = [0; 64];
        it.report_data[..9].copy_from_slice(b"challenge");
    });
    let policy = expecting(&padded);
    for (nonce, failure) in [
        (&b"challenge"[..], None),
        (b"challenge\0", None),
        (b"challeng", Some("binding")),
    ] {
        let report = inspect(&padded, &policy, |it| it.report_data = Some(nonce));
        assert_eq!(first_failure(&report), failure, "{report}");
    }
}

#[test]
fn one_entry_of_several_must_hold_and_the_furthest_is_told() {
    let fixture = good();
    let mut other = fixture.expected.clone();
    other.measurements = vec![other_digest().into()];
    let both = policy_of(json!([other, fixture.expected])).expect("a policy");
    assert_eq!(first_failure(&inspect(&fixture, &both, |_| {})), None);
    let mut further = other.clone();
    further.measurements = Vec::new();
    further.workloads = vec![other_digest()];
    let neither = policy_of(json!([further, other])).expect("a policy");
    assert!(first_failure(&inspect(&fixture, &neither, |_| {})).is_some());
}

#[test]
fn a_policy_for_other_platforms_refuses() {
    let fixture = good();
    let policy = policy_of(json!([{ "platform": "snp" }])).expect("a policy");
    let report = inspect(&fixture, &policy, |_| {});
    assert_eq!(first_failure(&report), Some("platform"), "{report}");
    let strict = InspectionPolicy::strict(Platform::Software);
    let report = inspect(&fixture, &strict, |_| {});
    assert_eq!(
        first_failure(&report),
        Some("root"),
        "the software platform has no default root"
    );
}

#[test]
fn a_policy_that_expects_nothing_or_something_unknown_is_refused() {
    assert!(matches!(
        policy_of(json!([])),
        Err(PolicyError::NoReferenceValues)
    ));
    let refused = |entry: serde_json::Value| policy_of(json!([entry])).expect_err("refused").to_string();
    let misspelt = refused(json!({ "platform": "snp", "measurement": [] }));
    assert!(misspelt.contains("unknown field `measurement`"), "{misspelt}");
    let nobody = refused(json!({ "platform": "snp", "required_checks": ["tcb.statuses"] }));
    assert!(nobody.contains("there is no check \"tcb.statuses\""), "{nobody}");
    // No evidence of the platform is given these checks: to require one would refuse everything, or nothing.
    for (platform, check) in [
        ("snp", "tcb.status"),
        ("sgx", "td_attributes.migratable"),
        ("tpm", "signature"),
        ("tdx", "validity"),
        ("snp", "manifest"),
    ] {
        let never = refused(json!({ "platform": platform, "required_checks": [check] }));
        assert!(never.contains("not one of those made"), "{check}: {never}");
    }
    let both = br#"{"format": "strongroom.policy.v1", "evidence": [{"platform": "snp"}], "coordinator": [{"platform": "snp"}]}"#;
    assert!(matches!(InspectionPolicy::parse(both), Err(PolicyError::Json(_))));
    let other = InspectionPolicy::parse(br#"{"format": "other", "evidence": [{"platform": "snp"}]}"#);
    assert!(matches!(other, Err(PolicyError::Format(_))));
}

#[test]
fn a_check_that_the_policy_requires_must_find_something_to_check() {
    let fixture = good();
    let mut expected = serde_json::to_value(&fixture.expected).expect("JSON");
    expected["required_checks"] = json!(["binding"]);
    let policy = policy_of(json!([expected])).expect("a policy");
    let report = inspect(&fixture, &policy, |_| {});
    assert_eq!(first_failure(&report), Some("binding"), "{report}");
    let mine = fixture.session.report_data();
    let report = inspect(&fixture, &policy, |it| {
        it.report_data = Some(mine.to_vec().leak())
    });
    assert_eq!(first_failure(&report), None, "{report}");
}
