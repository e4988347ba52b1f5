//! What MarbleRun's own programs answered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strongroom_manifest::Manifest;
use strongroom_vectors::Family;

#[path = "marblerun/capture.rs"]
mod capture;
#[path = "marblerun/kind.rs"]
mod kind;
#[path = "marblerun/programs.rs"]
mod programs;
#[path = "marblerun/rest.rs"]
mod rest;

const FAMILY: Family = Family {
    folder: "marblerun",
    used: USED,
    not_yet: NOT_YET,
};

const USED: &[&str] = &[
    "manifest-validation.txt",
    "0*",
    "1*",
    "2*",
    "3*",
    "40-secret-get-denied.txt",
    "41-secret-get-unknown.txt",
    "42-secret-get-denied-v1.txt",
    "43-secret-set-v2.txt",
    "44-secret-set-v1.txt",
    "45-secret-set-denied.txt",
    "46-secret-set-notwritable.txt",
    "47-secret-set-empty.txt",
    "54-manifest-after-pkgupdate.txt",
    "58-pending.txt",
    "59-pending-v1.txt",
    "67-rec-status.txt",
    "68-rec-quote.txt",
    "69-rec-pub.txt",
    "7*",
];

const NOT_YET: &[(&str, &str)] = &[
    ("README.md", "says where the files come from; no data"),
    ("48-mono-nocert.txt", "waits for monotonic counters"),
    ("49-mono-usercert.txt", "waits for monotonic counters"),
    ("50-signquote.txt", "waits for sign-quote"),
    ("51-signquote-bad.txt", "waits for sign-quote"),
    ("52-pkg-update.txt", "waits for updates"),
    ("53-pkg-update-denied.txt", "waits for updates"),
    ("55-log-after.txt", "waits for updates"),
    ("56-full-update.txt", "waits for updates"),
    ("57-full-update-again.txt", "waits for updates"),
    ("60-ack-self.txt", "waits for updates"),
    ("61-ack-wrong.txt", "waits for updates"),
    ("62-ack-ok.txt", "waits for updates"),
    ("63-ack-none.txt", "waits for updates"),
    ("64-cancel-none.txt", "waits for updates"),
    ("65-log-final.txt", "waits for updates"),
    (
        "66-quote-final.txt",
        "the quote after a full update: waits for updates",
    ),
    (
        "chain-0.txt",
        "a print of a certificate: waits for the comparison of our chain",
    ),
    (
        "chain-1.txt",
        "a print of a certificate: waits for the comparison of our chain",
    ),
    ("client-tls.txt", "waits for the comparison of our listeners"),
    ("mesh-tls.txt", "waits for the comparison of our listeners"),
    (
        "cli.txt",
        "waits for MarbleRun's own command line against our coordinator, and for recovery with several keys",
    ),
    ("events.txt", "waits for the Prometheus listener"),
    ("metrics.txt", "waits for the Prometheus listener"),
    (
        "marble-*",
        "wait for MarbleRun's own premain against our coordinator",
    ),
    ("sealdir.txt", "waits for the import of MarbleRun's state"),
    ("state-sample/*", "waits for the import of MarbleRun's state"),
];

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn every_file_is_used_or_waits_for_a_reason() {
    FAMILY.assert_complete();
}

/// The manifests that MarbleRun's coordinator had accepted, in the bytes in which it hands them out.
#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn captured_manifests_are_accepted_and_have_their_fingerprint() {
    for (file, field) in [
        ("33-manifest-v2.txt", "/data/manifest"),
        ("32-manifest-v1.txt", "/data/Manifest"),
        ("54-manifest-after-pkgupdate.txt", "/data/manifest"),
        ("58-pending.txt", "/data/manifest"),
        ("59-pending-v1.txt", "/data/manifest"),
    ] {
        let answer = body(file);
        let raw = answer
            .pointer(field)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{file} lacks {field}"));
        let raw = STANDARD.decode(raw).expect("base64");
        let manifest = Manifest::parse(&raw).unwrap_or_else(|errors| panic!("{file}: {errors}"));
        assert!(manifest.users().contains_key("admin"), "{file}");
        let fingerprint = answer
            .pointer("/data/manifestFingerprint")
            .or(answer.pointer("/data/ManifestSignature"));
        if let Some(fingerprint) = fingerprint.and_then(Value::as_str) {
            assert_eq!(manifest.digest().to_string(), fingerprint, "{file}");
        }
    }
}

fn body(file: &str) -> Value {
    let text = FAMILY.text(file);
    let json = text
        .lines()
        .rev()
        .find(|line| line.starts_with('{'))
        .unwrap_or_else(|| panic!("{file} has no body"));
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What we do with a manifest of which MarbleRun's verdict is captured.
enum Verdict {
    /// The same as MarbleRun.
    Accepted,
    /// The same as MarbleRun, for this reason.
    Refused(&'static str),
    /// MarbleRun accepts it; we do not: our words, and why.
    Stricter(&'static str, &'static str),
}

/// The captures hold names and verdicts only; these manifests have the faults that the verdicts name.
fn cases() -> Vec<(&'static str, String, Verdict)> {
    use Verdict::{Accepted, Refused, Stricter};
    let env = |text: &str| with("/Marbles/m/Parameters", json!({ "Env": { "A": text } }));
    let secret = |secret: Value| with("/Secrets/s", secret);
    let symmetric = |bits: u32| secret(json!({ "Type": "symmetric-key", "Size": bits }));
    let role = |kind: &str, action: &str| {
        with(
            "/Roles/r",
            json!({ "ResourceType": kind, "ResourceNames": [], "Actions": [action] }),
        )
    };
    let incoming = |entry: Value| with("/TLS/t", json!({ "Incoming": [entry] }));
    let package = |package: Value| with("/Packages/p", package);
    vec![
        ("sample-manifest", sample(), Refused("but secret is not user-defined")),
        (
            "lowercase-keys",
            base().to_string().replace("\"Packages\"", "\"packages\""),
            Stricter("write `Packages`", "a restriction in the wrong case may be no restriction"),
        ),
        (
            "unknown-fields",
            with("/Marbles/m/MaxActivation", json!(1)).to_string(),
            Stricter("unknown field", "a misspelt restriction is no restriction"),
        ),
        ("trailing", format!("{} x", base()), Refused("trailing")),
        (
            "dupkeys",
            base().to_string().replace("\"Debug\":false", "\"Debug\":false,\"Debug\":true"),
            Stricter("more than once", "two readers may take two different ones"),
        ),
        (
            "unique+signer",
            package(json!({ "UniqueID": "aa".repeat(32), "SignerID": "aa".repeat(32), "ProductID": 1, "SecurityVersion": 1 }))
                .to_string(),
            Refused("both UniqueID *and* SignerID"),
        ),
        ("empty-pkg", package(json!({})).to_string(), Refused("any program would do")),
        (
            "unusedpkg-empty",
            with("/Packages/unused", json!({})).to_string(),
            Stricter("any program would do", "an update may come to use it"),
        ),
        (
            "debug-empty",
            package(json!({ "Debug": true })).to_string(),
            Stricter("any program would do", "even in trials a package names a program"),
        ),
        ("badtmpl", env("{{ raw .Secrets.s }}").to_string(), Refused("`raw` is not defined")),
        ("badtmpl2", env("{{ hex .Secrets.x }}").to_string(), Refused("no secret `x`")),
        (
            "gotemplate-lang",
            env("{{ range $i, $s := .Secrets }}{{ printf \"%d\" $i }}{{ end }}").to_string(),
            Stricter("not supported", "the part of Go's templates that manifests use is checked in full, no more"),
        ),
        ("badseal", with("/Config", json!({ "SealMode": "productkey" })).to_string(), Refused("unknown seal mode")),
        ("gate", with("/Config", json!({ "FeatureGates": ["signquoteendpoint"] })).to_string(), Accepted),
        ("badgate", with("/Config", json!({ "FeatureGates": ["x"] })).to_string(), Refused("unknown feature gate: x")),
        ("recthr1", with("/Config", json!({ "RecoveryThreshold": 1 })).to_string(), Refused("at least 2")),
        (
            "badreckey",
            with("/RecoveryKeys", json!({ "k": "-----BEGIN X-----\nAAEC\n-----END X-----\n" })).to_string(),
            Refused("given PEM data is not a public key"),
        ),
        ("badroletype", role("X", "ReadSecret").to_string(), Refused("unrecognized resource type")),
        ("badaction", role("Packages", "foo").to_string(), Refused("unknown action: foo for type Packages")),
        ("badsecrettype", secret(json!({ "Type": "x" })).to_string(), Refused("unknown type: x")),
        ("sym-size0", symmetric(0).to_string(), Refused("invalid secret size")),
        ("sym-toobig", symmetric(65_288).to_string(), Refused("invalid secret size")),
        ("ecdsa100", secret(json!({ "Type": "cert-ecdsa", "Size": 100 })).to_string(), Refused("invalid secret size")),
        (
            "rsa512",
            secret(json!({ "Type": "cert-rsa", "Size": 512 })).to_string(),
            Stricter("invalid secret size", "anybody can factor it; MarbleRun's own release builds refuse it too"),
        ),
        ("plain-notuserdefined", secret(json!({ "Type": "plain" })).to_string(), Refused("cannot be generated")),
        ("tls-noport", incoming(json!({})).to_string(), Refused("missing")),
        (
            "tls-disableauth",
            incoming(json!({ "Port": "1", "DisableClientAuth": true })).to_string(),
            Refused("disables client authentication"),
        ),
        ("env-nul", env("a\0b").to_string(), Refused("null byte")),
        (
            "badenc",
            with("/Marbles/m/Parameters", json!({ "Files": { "f": { "Data": "x", "Encoding": "xx" } } })).to_string(),
            Refused("unknown encoding type: xx"),
        ),
        ("updthr", with("/Config", json!({ "UpdateThreshold": 1 })).to_string(), Refused("(0) to meet the threshold of 1")),
    ]
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn verdicts_on_manifests_are_marblerun_s_or_stricter_for_a_reason() {
    let text = FAMILY.text("manifest-validation.txt");
    let mut lines = text.lines();
    let mut captured = Vec::new();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("## ") else {
            continue;
        };
        let answer: Value =
            serde_json::from_str(lines.next().unwrap_or_default()).expect("an answer in JSON");
        captured.push((name.to_owned(), answer["status"] == "success"));
    }
    let cases = cases();
    let names: Vec<&str> = captured.iter().map(|(name, _)| name.as_str()).collect();
    let ours: Vec<&str> = cases.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, ours, "each captured verdict has its manifest");
    assert!(
        Manifest::parse(base().to_string().as_bytes()).is_ok(),
        "what the faults are put into is good"
    );
    for ((name, theirs), (_, manifest, verdict)) in captured.iter().zip(&cases) {
        let parsed = Manifest::parse(manifest.as_bytes());
        let told = parsed.err().map(|errors| errors.to_string());
        match (verdict, theirs, told) {
            (Verdict::Accepted, true, None) => {}
            (Verdict::Refused(words), false, Some(told)) => assert!(told.contains(words), "{name}: {told}"),
            (Verdict::Stricter(words, why), true, Some(told)) => {
                assert!(told.contains(words) && !why.is_empty(), "{name}: {told}");
            }
            (_, theirs, told) => panic!("{name}: MarbleRun accepts: {theirs}, we say: {told:?}"),
        }
    }
}

fn base() -> Value {
    json!({
        "Packages": { "p": {
            "Debug": false, "SignerID": "aa".repeat(32), "ProductID": 1, "SecurityVersion": 1,
        } },
        "Marbles": { "m": { "Package": "p" } },
        "Secrets": { "s": { "Type": "symmetric-key", "Size": 128 } },
        "Roles": {},
        "TLS": {},
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut manifest = base();
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer starts with a slash");
    let parent = manifest
        .pointer_mut(parent)
        .and_then(Value::as_object_mut)
        .expect("the parent is there");
    parent.insert(last.to_owned(), value);
    manifest
}

fn sample() -> String {
    let mut manifest = base();
    manifest["Secrets"]["symmetricKeyShared"] =
        json!({ "Type": "symmetric-key", "Size": 128, "Shared": true });
    manifest["Roles"]["secrets-admin"] = json!({
        "ResourceType": "Secrets", "ResourceNames": ["symmetricKeyShared"], "Actions": ["ReadSecret", "WriteSecret"],
    });
    manifest.to_string()
}
