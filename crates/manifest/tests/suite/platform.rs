//! What packages ask of their platforms: `Policy`, `RequiredChecks`, `Exceptions`, and `Infrastructures`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strongroom_crypto::issue::Usage;
use strongroom_manifest::Manifest;

use crate::fixture::{CLIENT_CA, LAUNCHER, NOW, accepted, good, mint, set, with};
use crate::refuse::check;

/// The good manifest with a package on another platform beside the others.
fn on(platform: &str, more: Value) -> Value {
    let bytes = if platform == "tpm" { 32 } else { 48 };
    let mut package = json!({ "Platform": platform, "Measurements": [hex::encode(&[7; 48][..bytes])] });
    if platform == "tpm" {
        package["Protection"] = json!(["integrity_only"]);
        package["Roots"] = json!([CLIENT_CA.to_pem()]);
    }
    for (name, value) in more.as_object().expect("fields") {
        package[name] = value.clone();
    }
    with("/Packages/machine", package)
}

#[test]
fn a_policy_is_read_strictly_in_the_form_of_policies() {
    for platform in ["tdx", "snp", "tpm"] {
        accepted(&on(platform, json!({ "Policy": {} })));
        check(
            &on(platform, json!({ "Policy": { "Vmpl": [0] } })),
            "$.Packages.machine.Policy",
            "unknown field `Vmpl`",
        );
        check(
            &on(platform, json!({ "Policy": [] })),
            "$.Packages.machine.Policy",
            "expected an object, found a list",
        );
    }
    check(
        &with("/Packages/launcher/Policy", json!({ "vmpl": [0] })),
        "$.Packages.launcher.Policy",
        "nothing more can be asked of platform software",
    );
    let twice = on("snp", json!({ "Policy": { "a": 1 } }))
        .to_string()
        .replace("\"a\":1", "\"a\":1,\"a\":2");
    let errors = Manifest::parse(twice.as_bytes()).expect_err("a duplicate");
    assert!(
        errors.to_string().contains("`a` given more than once"),
        "{errors}"
    );
}

#[test]
fn required_checks_have_names_that_there_are() {
    let manifest = accepted(&with("/Packages/launcher/RequiredChecks", json!(["signer"])));
    assert_eq!(
        manifest.packages()["launcher"].program().required_checks,
        ["signer"]
    );
    check(
        &with("/Packages/launcher/RequiredChecks", json!(["singer"])),
        "$.Packages.launcher.RequiredChecks[0]",
        "did you mean `signer`?",
    );
}

fn exception(without: &str) -> Value {
    let mut exception = json!({
        "Check": "signature", "Owner": "alice", "Reason": "the vendor is late", "Expires": "2027-01-31T00:00:00Z",
    });
    exception.as_object_mut().expect("an object").remove(without);
    exception
}

#[test]
fn an_exception_has_an_owner_a_reason_and_an_end() {
    let place = |field: &str| format!("$.Packages.launcher.Exceptions[0].{field}");
    let refused = |exception: Value, words: &[(&str, &str)]| {
        let manifest = with("/Packages/launcher/Exceptions", json!([exception]));
        let errors = crate::fixture::parse(&manifest).expect_err("it should be refused");
        let told: Vec<(String, String)> = errors
            .problems()
            .iter()
            .map(|problem| (problem.path.clone(), problem.message.clone()))
            .collect();
        assert_eq!(told.len(), words.len(), "{told:?}");
        for ((path, message), (field, words)) in told.iter().zip(words) {
            assert_eq!(*path, place(field), "{told:?}");
            assert!(message.contains(words), "{message} lacks {words}");
        }
    };
    // No failed signature can be answered for, whoever would.
    let forged = ("Check", "nobody can make an exception from check `signature`");
    refused(exception(""), &[forged]);
    refused(exception("Owner"), &[("Owner", "somebody who answers"), forged]);
    refused(exception("Reason"), &[("Reason", "needs a reason"), forged]);
    refused(exception("Expires"), &[("Expires", "an exception ends"), forged]);
    refused(exception("Check"), &[("Check", "missing: the check")]);
    let mut blank = exception("");
    blank["Owner"] = json!(" ");
    refused(blank, &[("Owner", "somebody who answers"), forged]);
    let mut undated = exception("");
    undated["Expires"] = json!("next year");
    refused(undated, &[forged, ("Expires", "not a time")]);
    let mut unknown = exception("");
    unknown["Check"] = json!("signatur");
    refused(unknown, &[("Check", "there is no check `signatur`")]);
    let mut more = exception("");
    more["Until"] = json!("never");
    refused(more, &[("Until", "unknown field `Until`"), forged]);
}

#[test]
fn infrastructures_narrow_packages_of_platform_sgx_and_no_others() {
    let other = mint("another root", Usage::Authority);
    let root =
        |root: &strongroom_crypto::x509::Certificate| json!({ "RootCA": STANDARD.encode(root.to_pem()) });
    let named = json!({ "a": root(&CLIENT_CA), "b": root(&other) });
    let manifest = accepted(&with("/Infrastructures", named));
    let roots = |package: &str| -> Vec<Vec<String>> {
        let values = manifest.packages()[package].reference_values().iter();
        values.map(|values| values.fields().roots.clone()).collect()
    };
    assert_eq!(roots("enclave"), [[CLIENT_CA.to_pem()], [other.to_pem()]]);
    assert_eq!(roots("launcher").len(), 1);
    assert_eq!(
        manifest.packages()["launcher"].program().measurements[0].as_bytes(),
        LAUNCHER
    );
}

#[test]
fn an_infrastructure_that_cannot_be_enforced_is_an_error() {
    let one = |infrastructure: Value| with("/Infrastructures", json!({ "a": infrastructure }));
    check(
        &one(json!({ "RootCA": "AAEC" })),
        "$.Infrastructures.a.RootCA",
        "no certificate",
    );
    let leaf = STANDARD.encode(crate::fixture::OWNER.der());
    check(
        &one(json!({ "RootCA": leaf })),
        "$.Infrastructures.a.RootCA",
        "no certification authority",
    );
    check(
        &one(json!({ "QESNV": 1 })),
        "$.Infrastructures.a.QESNV",
        "did you mean `QESVN`?",
    );
    let mut nobody = one(json!({}));
    let spare = good()["Packages"]["launcher"].clone();
    set(&mut nobody, "/Packages/enclave", spare);
    set(&mut nobody, "/Roles/patch/ResourceNames", json!(["launcher"]));
    check(&nobody, "$.Infrastructures", "no package is of platform sgx");
    assert!(
        accepted(&good())
            .warnings(NOW)
            .iter()
            .all(|warning| warning.code != "infrastructure_open")
    );
}
