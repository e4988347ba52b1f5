//! The shape of a manifest, and the rules that are ours: one change to a good manifest, one problem at the right place.

use serde_json::{Value, json};
use strongroom_manifest::{Manifest, Stage};

use crate::fixture::{OWNER, good, parse, set, with, without};

/// The change is refused with exactly one problem, at `path`, whose text contains `words`.
#[track_caller]
pub(crate) fn check(manifest: &Value, path: &str, words: &str) {
    let errors = parse(manifest).expect_err("it should be refused");
    let told: Vec<String> = errors.problems().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "one change, one problem: {told:#?}");
    assert_eq!(errors.problems()[0].path, path, "{told:?}");
    assert!(told[0].contains(words), "{} lacks {words:?}", told[0]);
}

#[test]
fn names_of_fields_are_exact() {
    check(
        &with("/Marbels", json!({})),
        "$.Marbels",
        "did you mean `Marbles`?",
    );
    check(
        &with("/Packages/enclave/signerid", json!("")),
        "$.Packages.enclave.signerid",
        "write `SignerID`",
    );
    check(
        &with("/Marbles/frontend/MaxActivation", json!(1)),
        "$.Marbles.frontend.MaxActivation",
        "`MaxActivations`",
    );
    check(
        &with("/Secrets/each/Color", json!(1)),
        "$.Secrets.each.Color",
        "known here: Type, Size",
    );
    let subject = "/Secrets/web/Cert/Subject/DNSNames";
    check(
        &with(subject, json!([])),
        "$.Secrets.web.Cert.Subject.DNSNames",
        "unknown field",
    );
}

#[test]
fn nothing_is_given_twice() {
    let text = good().to_string();
    let twice = |from: &str, to: &str| Manifest::parse(text.replacen(from, to, 1).as_bytes());
    let errors = twice(
        "\"MaxActivations\":2",
        "\"MaxActivations\":2,\"MaxActivations\":0",
    )
    .expect_err("a duplicate");
    assert_eq!(errors.problems()[0].path, "$.Marbles.inference.MaxActivations");
    assert_eq!(errors.problems()[0].message, "given more than once");
    let errors =
        twice("\"each\":{", "\"each\":{\"Type\":\"plain\"},\"each\":{").expect_err("a duplicate name");
    assert_eq!(errors.problems()[0].path, "$.Secrets.each");
}

#[test]
fn everything_is_told_at_once() {
    let mut manifest = with("/Packages/enclave/SignreID", json!("x"));
    set(&mut manifest, "/Secrets/each/Size", json!(100));
    set(&mut manifest, "/Config/SealMode", json!("productkey"));
    let errors = parse(&manifest).expect_err("three things are wrong");
    let paths: Vec<&str> = errors
        .problems()
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "$.Packages.enclave.SignreID",
            "$.Secrets.each.Size",
            "$.Config.SealMode"
        ]
    );
    assert_eq!(errors.stage(), Stage::Decode);
    assert_eq!(
        parse(&with("/Config/SealMode", json!("x")))
            .expect_err("a rule")
            .stage(),
        Stage::Check
    );
}

#[test]
fn syntax() {
    for (text, words) in [
        ("", "EOF"),
        ("{} x", "trailing"),
        ("Packages:\n  a: b", "one JSON object"),
        ("[]", "expected an object"),
        ("{\"Packages\": [1]}", "expected an object"),
    ] {
        let errors = Manifest::parse(text.as_bytes()).expect_err(text).to_string();
        assert!(errors.contains(words), "{text}: {errors}");
    }
}

#[test]
fn types_of_values() {
    check(
        &with("/Marbles/frontend/MaxActivations", json!(-1)),
        "$.Marbles.frontend.MaxActivations",
        "out of range",
    );
    check(
        &with("/Packages/enclave/SecurityVersion", json!(1.5)),
        "$.Packages.enclave.SecurityVersion",
        "whole number",
    );
    check(
        &with("/Packages/enclave/Debug", json!("no")),
        "$.Packages.enclave.Debug",
        "true or false",
    );
    check(
        &with("/Marbles/frontend/TLS", json!("web")),
        "$.Marbles.frontend.TLS",
        "a list of strings",
    );
    check(
        &with("/Users/owner/Roles", json!(["own", 1])),
        "$.Users.owner.Roles[1]",
        "expected a string",
    );
    let file = json!({ "Data": "xx", "Encoding": "rot13" });
    let path = "/Marbles/frontend/Parameters/Files/a";
    check(
        &with(path, file),
        "$.Marbles.frontend.Parameters.Files.a.Encoding",
        "unknown encoding type: rot13",
    );
    let file = json!({ "Data": "x", "Encoding": "hex" });
    check(
        &with(path, file),
        "$.Marbles.frontend.Parameters.Files.a.Data",
        "not hex",
    );
}

#[test]
fn packages_of_other_platforms() {
    check(
        &with("/Packages/launcher/Platform", json!("sofware")),
        "$.Packages.launcher.Platform",
        "`software`",
    );
    check(
        &without("/Packages/launcher/Protection"),
        "$.Packages.launcher.Protection",
        "accepted by name",
    );
    check(
        &without("/Packages/launcher/Measurements"),
        "$.Packages.launcher",
        "any program would do",
    );
    check(
        &without("/Packages/launcher/Roots"),
        "$.Packages.launcher",
        "no root",
    );
    check(
        &without("/Packages/launcher/Workloads"),
        "$.Marbles.inference.Package",
        "any workload would do",
    );
    check(
        &with("/Packages/launcher/UniqueID", json!("aa")),
        "$.Packages.launcher.UniqueID",
        "belongs to platform sgx",
    );
    check(
        &with("/Packages/launcher/Debug", json!(true)),
        "$.Packages.launcher.Debug",
        "no debug mode",
    );
    check(
        &with("/Packages/launcher/Measurements/-", json!("zz")),
        "$.Packages.launcher.Measurements[1]",
        "measurement",
    );
    check(
        &with("/Packages/launcher/Roots", json!(["x"])),
        "$.Packages.launcher",
        "no PEM certificate",
    );
    check(
        &with("/Packages/enclave/Protection", json!(["simulated"])),
        "$.Packages.enclave.Protection",
        "not sgx",
    );
    let tpm = json!({ "Platform": "tpm", "Measurements": ["aa".repeat(32)], "Workloads": ["bb".repeat(32)] });
    check(
        &with("/Packages/tpm", tpm),
        "$.Packages.tpm.Protection",
        "hides no memory",
    );
}

#[test]
fn dns_names() {
    let names = "/Marbles/frontend/DNSNames";
    check(
        &with(names, json!(["Inference.example.com."])),
        "$.Marbles.inference.DNSNames",
        "belongs to one",
    );
    check(
        &with(names, json!(["a..b"])),
        "$.Marbles.frontend.DNSNames[0]",
        "neither a DNS name",
    );
    check(
        &with(names, json!(["*.example.com"])),
        "$.Marbles.frontend.DNSNames[0]",
        "neither a DNS name",
    );
    check(
        &with(names, json!(["a.b", "A.B"])),
        "$.Marbles.frontend.DNSNames[1]",
        "twice",
    );
}

#[test]
fn guarded_secrets_cannot_leak() {
    let read = with("/Roles/own/Actions/-", json!("ReadSecret"));
    check(
        &read,
        "$.Roles.own.ResourceNames[0]",
        "read permission for guarded secret",
    );
    let argument = "{{ hex (index .Secrets \"digits-key\") }}";
    let argv = with("/Marbles/frontend/Parameters/Argv", json!(["x", argument]));
    check(
        &argv,
        "$.Marbles.frontend.Parameters.Argv[1]",
        "guarded secret `digits-key` in an argument",
    );
    let unbound = with("/Marbles/inference/DisableSecretBinding", json!(true));
    check(
        &unbound,
        "$.Marbles.inference.DisableSecretBinding",
        "receives guarded secret",
    );
    check(
        &with("/Secrets/each/Guarded", json!(true)),
        "$.Secrets.each.Guarded",
        "only what a user uploads",
    );
}

#[test]
fn models() {
    check(
        &with("/Models/digits/Bundles", json!([])),
        "$.Models.digits.Bundles",
        "the digest of each bundle",
    );
    check(
        &with("/Models/digits/Bundles", json!(["abc"])),
        "$.Models.digits.Bundles[0]",
        "no bundle digest",
    );
    check(
        &with("/Models/digits/Store", json!("ftp://x/y")),
        "$.Models.digits.Store",
        "unknown kind of store",
    );
    check(
        &with("/Models/digits/Store", json!("s3://me:secret@bucket/x")),
        "$.Models.digits.Store",
        "credentials",
    );
    check(
        &without("/Models/digits/Store"),
        "$.Models.digits.Store",
        "missing",
    );
    check(
        &with("/Models/digits/Key", json!("digit-key")),
        "$.Models.digits.Key",
        "did you mean `digits-key`?",
    );
    check(
        &with("/Models/digits/Key", json!("shared")),
        "$.Models.digits.Key",
        "cannot hold a model key",
    );
    check(
        &without("/Models/digits/Clients"),
        "$.Models.digits.Clients",
        "say who may predict",
    );
    check(
        &with("/Models/digits/Clients", json!("everyone")),
        "$.Models.digits.Clients",
        "\"anyone\"",
    );
    check(
        &with("/Models/digits/Clients", json!({})),
        "$.Models.digits.Clients",
        "either `CA` or",
    );
    let leaf = json!({ "CA": OWNER.to_pem() });
    check(
        &with("/Models/digits/Clients", leaf),
        "$.Models.digits.Clients.CA",
        "no certification authority",
    );
    assert!(parse(&with("/Models/a~1b", good()["Models"]["digits"].clone())).is_err());
}

#[test]
fn config_and_coordinator() {
    check(
        &with("/Config/SealMode", json!("productkey")),
        "$.Config.SealMode",
        "unknown seal mode",
    );
    check(
        &with("/Config/FeatureGates", json!(["x"])),
        "$.Config.FeatureGates[0]",
        "unknown feature gate",
    );
    check(
        &with("/Config/FeatureGates", json!(["AzureHSMSealing"])),
        "$.Config.FeatureGates[0]",
        "not supported",
    );
    check(
        &with("/Config/UpdateThreshold", json!(2)),
        "$.Config.UpdateThreshold",
        "(1) to meet the threshold of 2",
    );
    check(
        &with("/Config/RecoveryThreshold", json!(1)),
        "$.Config.RecoveryThreshold",
        "at least 2",
    );
    check(
        &with("/Config/RecoveryThreshold", json!(2)),
        "$.Config.RecoveryThreshold",
        "not enough recovery keys (1)",
    );
    check(
        &with("/Config/LeafValidity", json!(721)),
        "$.Config.LeafValidity",
        "1 to 720 hours",
    );
    check(
        &with("/Coordinator/Packages", json!(["x"])),
        "$.Coordinator.Packages[0]",
        "no package `x`",
    );
    let certificate = json!({ "safe": OWNER.to_pem() });
    check(
        &with("/RecoveryKeys", certificate),
        "$.RecoveryKeys.safe",
        "given PEM data is not a public key",
    );
}

#[test]
fn numbers_of_entries_are_bounded() {
    let many: serde_json::Map<String, Value> = (0..1001)
        .map(|number| {
            (
                number.to_string(),
                json!({ "Type": "plain", "UserDefined": true }),
            )
        })
        .collect();
    let errors = parse(&with("/Secrets", Value::Object(many))).expect_err("too many");
    assert_eq!(errors.problems()[0].message, "1001 entries are more than 1000");
    let many: serde_json::Map<String, Value> =
        (0..1001).map(|number| (format!("x{number}"), json!(1))).collect();
    let errors = Manifest::parse(Value::Object(many).to_string().as_bytes()).expect_err("all unknown");
    assert_eq!(
        errors.problems().len() + errors.omitted(),
        1003,
        "each is counted"
    );
    assert_eq!(errors.problems().len(), 200);
}
