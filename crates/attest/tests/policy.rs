//! Policies: what loads, what does not, and what they accept.

mod common;

use common::{Fixture, NOW, coordinator, good, other_digest};
use serde_json::{Value, json};
use strongroom_attest::platform::software::Authority;
use strongroom_attest::{
    ClientPolicy, CoordinatorExpectation, Endorsements, Platform, ReferenceValues, VerifyError,
    reference::Fields,
};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::random::SystemRandom;

fn policy(fixture: &Fixture) -> Value {
    let entry = serde_json::to_value(&fixture.expected).expect("JSON");
    json!({
        "format": "strongroom.policy.v1",
        "coordinator": [entry],
        "manifest_digests": [sha256(b"manifest")],
    })
}

fn load(policy: &Value) -> Result<ClientPolicy, String> {
    ClientPolicy::parse(policy.to_string().as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn refuses_policies_that_expect_too_little() {
    let fixture = good();
    let refused = |change: &dyn Fn(&mut Value), part: &str| {
        let mut changed = policy(&fixture);
        change(&mut changed);
        let error = load(&changed).expect_err(part);
        assert!(error.contains(part), "{error:?} says {part:?}");
    };
    load(&policy(&fixture)).expect("the good one loads");
    refused(&|it| it["coordinator"] = json!([]), "at least one entry");
    refused(&|it| it["manifest_digests"] = json!([]), "no manifest digest");
    refused(
        &|it| drop(it.as_object_mut().expect("an object").remove("manifest_digests")),
        "manifest_digests",
    );
    refused(
        &|it| drop(it.as_object_mut().expect("an object").remove("coordinator")),
        "coordinator",
    );
    refused(
        &|it| it["format"] = json!("strongroom.policy.v2"),
        "strongroom.policy.v1",
    );
    refused(
        &|it| it["manifest_digest"] = json!("misspelt"),
        "unknown field `manifest_digest`",
    );
    refused(
        &|it| it["coordinator"][0]["measurements"] = json!([]),
        "neither a measurement nor a signer",
    );
    refused(
        &|it| it["coordinator"][0]["measurements"] = json!(["abcd"]),
        "32 bytes",
    );
    refused(
        &|it| it["coordinator"][0]["measurements"] = json!(["no hex"]),
        "hexadecimal",
    );
    refused(
        &|it| it["coordinator"][0]["measurement"] = json!("misspelt"),
        "unknown field `measurement`",
    );
    refused(
        &|it| it["coordinator"][0]["debug"] = json!(true),
        "unknown field `debug`",
    );
    refused(
        &|it| it["coordinator"][0]["protection"] = json!([]),
        "no protection",
    );
    refused(
        &|it| it["coordinator"][0]["protection"] = json!(["any"]),
        "unknown variant `any`",
    );
    refused(
        &|it| it["coordinator"][0]["platform"] = json!("Software"),
        "unknown variant `Software`",
    );
    refused(&|it| it["coordinator"][0]["roots"] = json!([]), "no root");
    refused(&|it| it["coordinator"][0]["roots"] = json!(["no PEM"]), "root 0");
    refused(
        &|it| it["coordinator"][0]["signers"] = json!([other_digest()]),
        "knows no signer",
    );
    refused(
        &|it| it["coordinator"][0]["product"] = json!(1),
        "without a signer",
    );
}

#[test]
fn nothing_is_said_twice() {
    let good = policy(&good()).to_string();
    let with = |more: &str| ClientPolicy::parse(good.replacen('{', &format!("{{{more},"), 1).as_bytes());
    let loaded = with(r#""roles":{"ann":["reader"],"bob":[]}"#).expect("loads");
    assert_eq!(loaded.roles().map(|roles| roles.len()), Some(2));
    let twice = with(r#""roles":{"ann":[],"ann":["owner"]}"#)
        .expect_err("twice")
        .to_string();
    assert!(twice.contains("duplicate user \"ann\""), "{twice}");
    let twice = with(r#""format":"strongroom.policy.v1""#)
        .expect_err("twice")
        .to_string();
    assert!(twice.contains("duplicate field `format`"), "{twice}");
}

#[test]
fn a_signer_needs_product_and_version() {
    let signed = Fields {
        signers: vec![other_digest()],
        ..Fields::of(Platform::Sgx)
    };
    let refused = ReferenceValues::new(signed.clone()).expect_err("any product of that signer");
    assert!(refused.to_string().contains("security_version_min"), "{refused}");
    ReferenceValues::new(Fields {
        product: Some(1),
        security_version_min: Some(2),
        ..signed
    })
    .expect("usable");
}

#[test]
fn an_endless_policy_is_not_read() {
    let error = ClientPolicy::parse(&vec![b' '; 2 << 20]).expect_err("too large");
    assert_eq!(error.code().as_str(), "policy.invalid");
}

#[test]
fn a_policy_reads_as_it_was_written() {
    let text = load(&policy(&good())).expect("loads").to_json();
    assert_eq!(
        ClientPolicy::parse(text.as_bytes()).expect("loads").to_json(),
        text
    );
}

#[test]
fn accepts_the_coordinator_and_only_with_an_accepted_manifest() {
    let fixture = good();
    let policy = load(&policy(&fixture)).expect("loads");
    let verify = |binding: &strongroom_attest::CoordinatorBinding| {
        let statement = strongroom_attest::platform::software::Statement {
            report_data: strongroom_attest::Binding::Coordinator(binding.clone()).report_data(),
            ..fixture.statement.clone()
        };
        policy.verify(
            &fixture.authority.issue(&statement),
            &Endorsements::none(),
            binding,
            NOW,
        )
    };
    let appraised = verify(&coordinator()).expect("as expected");
    assert_eq!(appraised.report().checks().last().expect("checks").id, "manifest");
    for manifest_digest in [None, Some(other_digest())] {
        let other = strongroom_attest::CoordinatorBinding {
            manifest_digest,
            ..coordinator()
        };
        assert_eq!(code(verify(&other)), Some("evidence.manifest_digest"));
    }
}

#[test]
fn one_entry_must_hold_as_a_whole() {
    let (mine, theirs) = (good(), good());
    let entry = |roots: &Fixture, program: &[u8]| {
        let measurements = vec![sha256(program).into()];
        ReferenceValues::new(Fields {
            measurements,
            ..roots.expected.clone()
        })
        .expect("usable")
    };
    let expects = |entries| CoordinatorExpectation::new(entries).expect("not empty");
    let verify = |expected: &CoordinatorExpectation| {
        expected.verify(&mine.evidence(), &Endorsements::none(), &coordinator(), NOW)
    };
    let _ =
        verify(&expects(vec![entry(&theirs, b"other"), entry(&mine, b"program")])).expect("the second holds");
    // The right program under the wrong root, and the right root with another program: neither holds.
    let mixed = expects(vec![entry(&theirs, b"program"), entry(&mine, b"other")]);
    assert_eq!(
        code(verify(&mixed)),
        Some("evidence.measurement"),
        "the entry that came furthest is told"
    );
    let hardware = Fields {
        platform: Platform::Sgx,
        roots: Vec::new(),
        ..mine.expected.clone()
    };
    let hardware = expects(vec![ReferenceValues::new(hardware).expect("usable")]);
    assert_eq!(code(verify(&hardware)), Some("evidence.platform"));
}

#[test]
fn another_platforms_claims_are_not_appraised() {
    let fixture = good();
    let verified = strongroom_attest::verify(
        &fixture.evidence(),
        &Endorsements::none(),
        &fixture.roots,
        &fixture.session,
        NOW,
    );
    let hardware = Fields {
        platform: Platform::Sgx,
        roots: Vec::new(),
        ..fixture.expected
    };
    let refused = ReferenceValues::new(hardware)
        .expect("usable")
        .appraise(verified.expect("good"));
    assert_eq!(
        refused.expect_err("another platform").code().as_str(),
        "evidence.platform"
    );
}

#[test]
fn the_root_of_a_policy_is_never_a_default() {
    let fixture = good();
    let other = Authority::generate(NOW, &SystemRandom).expect("an authority");
    let fields = Fields {
        roots: vec![other.root().to_pem()],
        ..fixture.expected.clone()
    };
    let expected =
        CoordinatorExpectation::new(vec![ReferenceValues::new(fields).expect("usable")]).expect("one");
    let refused = expected.verify(&fixture.evidence(), &Endorsements::none(), &coordinator(), NOW);
    assert_eq!(code(refused), Some("evidence.root"));
}

fn code<T>(outcome: Result<T, VerifyError>) -> Option<&'static str> {
    outcome.err().map(|error| error.code().as_str())
}
