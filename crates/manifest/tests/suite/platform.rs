//! What packages ask of their platforms: `Policy`, `RequiredChecks`, `Exceptions`, and `Infrastructures`.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strongroom_attest::platform::dcap::TcbStatus;
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
fn an_exception_is_shown_to_everybody_and_ends() {
    let of = |expires: &str| {
        on(
            "tdx",
            json!({ "Exceptions": [{
                "Check": "tcb.status", "Found": "OutOfDate", "Owner": "alice", "Reason": "the vendor is late",
                "Expires": expires,
            }] }),
        )
    };
    let ends = |expires: &str| -> Vec<String> {
        let warnings = accepted(&of(expires)).warnings(NOW);
        let ends = warnings
            .iter()
            .filter(|warning| warning.path.ends_with("Exceptions[0].Expires"));
        ends.map(|warning| warning.code.to_owned()).collect()
    };
    // NOW is 2027-01-15T08:00:00Z.
    assert_eq!(ends("2027-01-15T08:00:00Z"), ["exception_ended"]);
    assert_eq!(ends("2027-01-15T08:00:01Z"), ["exception_ends_soon"]);
    assert_eq!(ends("2027-01-29T08:00:00Z"), ["exception_ends_soon"]);
    assert_eq!(ends("2027-01-29T08:00:01Z"), [""; 0]);
    assert_eq!(ends("2029-01-01T00:00:00Z"), ["exception_long"]);

    let manifest = accepted(&of("2027-06-01T00:00:00Z"));
    let lowered = &manifest.packages()["machine"].program().exceptions;
    assert_eq!(
        (lowered[0].check.as_str(), lowered[0].owner.as_str()),
        ("tcb.status", "alice")
    );
    assert_eq!(lowered[0].found.as_deref(), Some("OutOfDate"));
    assert_eq!(lowered[0].expires.0.to_string(), "2027-06-01T00:00:00Z");
    let shown = manifest.exceptions();
    let shown = shown
        .iter()
        .find(|exception| exception.code == "check_exception")
        .expect("shown");
    assert_eq!(shown.subject, "package machine");
    for words in [
        "tcb.status",
        "OutOfDate",
        "\"alice\"",
        "the vendor is late",
        "2027-06-01",
    ] {
        assert!(shown.message.contains(words), "{} lacks {words}", shown.message);
    }
}

#[test]
fn marblerun_s_statuses_and_advisories_become_the_policy_of_sgx() {
    let names = |statuses: &BTreeSet<TcbStatus>| -> Vec<&str> {
        statuses.iter().map(|status| status.name()).collect()
    };
    let tcb = |manifest: &Manifest, package: &str| {
        let fields = manifest.packages()[package].program().clone();
        let sgx = fields.sgx.map(|policy| policy.tcb);
        sgx.or(fields.tdx.map(|policy| policy.tcb)).unwrap_or_default()
    };
    let by_default = tcb(&accepted(&good()), "enclave");
    assert_eq!(
        names(&by_default.accepted_statuses),
        ["UpToDate", "SWHardeningNeeded"]
    );
    let mut manifest = with("/Packages/enclave/AcceptedTCBStatuses", json!(["OutOfDate"]));
    set(
        &mut manifest,
        "/Packages/enclave/AcceptedAdvisories",
        json!(["INTEL-SA-00615"]),
    );
    let enclave = tcb(&accepted(&manifest), "enclave");
    assert_eq!(names(&enclave.accepted_statuses), ["UpToDate", "OutOfDate"]);
    assert_eq!(enclave.hardening_advisories, ["INTEL-SA-00615".to_owned()].into());
    check(
        &on("tdx", json!({ "AcceptedTCBStatuses": ["OutOfDate"] })),
        "$.Packages.machine.AcceptedTCBStatuses",
        "belongs to platform sgx, not to tdx",
    );

    check(
        &with("/Packages/enclave/AcceptedTCBStatuses", json!(["Revoked"])),
        "$.Packages.enclave.AcceptedTCBStatuses[0]",
        "a revoked platform cannot be accepted",
    );
    check(
        &with("/Packages/enclave/AcceptedTCBStatuses", json!(["UptoDate"])),
        "$.Packages.enclave.AcceptedTCBStatuses[0]",
        "did you mean `UpToDate`?",
    );
    check(
        &on("snp", json!({ "AcceptedTCBStatuses": ["UpToDate"] })),
        "$.Packages.machine.AcceptedTCBStatuses",
        "belongs to platform sgx, not to snp",
    );
    check(
        &on("tpm", json!({ "AcceptedAdvisories": ["INTEL-SA-00615"] })),
        "$.Packages.machine.AcceptedAdvisories",
        "belongs to platform sgx, not to tpm",
    );
    let policy = json!({ "tcb": { "evaluation_number_min": 17 } });
    let mut twice = with("/Packages/enclave/Policy", policy);
    set(
        &mut twice,
        "/Packages/enclave/AcceptedTCBStatuses",
        json!(["OutOfDate"]),
    );
    check(
        &twice,
        "$.Packages.enclave.AcceptedTCBStatuses",
        "say it in one place",
    );
}

#[test]
fn what_a_policy_leaves_open_is_told() {
    let told = |platform: &str, policy: Value| -> Vec<String> {
        let manifest = accepted(&on(platform, json!({ "Policy": policy })));
        let of_machine = |path: &str| path.starts_with("$.Packages.machine");
        let warnings = manifest.warnings(NOW);
        let codes = warnings.iter().filter(|warning| of_machine(&warning.path));
        let usual = ["package_unused", "integrity_only"];
        let codes = codes
            .map(|warning| warning.code)
            .filter(|code| !usual.contains(code));
        codes.map(str::to_owned).collect()
    };
    assert_eq!(told("snp", json!({})), [""; 0]);
    assert_eq!(told("snp", json!({ "vmpl": [0, 1] })), ["vmpl"]);
    assert_eq!(
        told("snp", json!({ "signing_keys": ["vlek"], "csp_ids": ["here"] })),
        [""; 0]
    );
    assert_eq!(told("snp", json!({ "signing_keys": ["vlek"] })), ["vlek_any_csp"]);

    assert_eq!(told("tdx", json!({})), ["tdx_boot"]);
    let rtmr1 = json!(["00".repeat(48)]);
    assert_eq!(told("tdx", json!({ "rtmr3": rtmr1 })), ["tdx_boot"]);
    assert_eq!(
        told("tdx", json!({ "programs": ["22".repeat(32)] })),
        ["tdx_boot"]
    );
    assert_eq!(told("tdx", json!({ "rtmr1": rtmr1 })), [""; 0]);
    assert_eq!(
        told("tdx", json!({ "rtmr1": rtmr1, "service_tds": ["11".repeat(48)] })),
        ["service_td"]
    );
    assert_eq!(
        told("tdx", json!({ "rtmr1": rtmr1, "unlogged": [3] })),
        ["unlogged"]
    );
    let tcb = json!({ "accepted_statuses": ["OutOfDate"], "grace_days": { "ConfigurationNeeded": 30 } });
    assert_eq!(
        told("tdx", json!({ "rtmr1": rtmr1, "tcb": tcb })),
        ["tcb_status", "tcb_grace"]
    );

    assert_eq!(told("tpm", json!({})), ["tpm_boot"]);
    assert_eq!(
        told("tpm", json!({ "pcrs": { "13": "00".repeat(32) } })),
        ["tpm_boot"]
    );
    assert_eq!(told("tpm", json!({ "pcrs": { "4": "00".repeat(32) } })), [""; 0]);
    assert_eq!(
        told(
            "tpm",
            json!({ "pcrs": { "4": "00".repeat(32) }, "unlogged": [11] })
        ),
        ["unlogged"]
    );
}

#[test]
fn infrastructures_set_floors_beside_those_of_the_package() {
    let floors = |infrastructure: Value, policy: Value| {
        let mut manifest = with("/Infrastructures", json!({ "a": infrastructure }));
        set(&mut manifest, "/Packages/enclave/Policy", policy);
        let manifest = accepted(&manifest);
        let policy = manifest.packages()["enclave"].reference_values()[0]
            .fields()
            .sgx
            .clone();
        let policy = policy.expect("a policy");
        (policy.cpu_svn_min.map(|svn| svn.0), policy.pce_svn_min)
    };
    let svn = |bytes: [u8; 16]| STANDARD.encode(bytes);
    let (mut low, mut high) = ([1; 16], [1; 16]);
    (low[0], high[1]) = (9, 9);
    let infrastructure = json!({ "CPUSVN": svn(low), "PCESVN": 11 });
    assert_eq!(floors(infrastructure.clone(), json!({})), (Some(low), Some(11)));
    let own = json!({ "cpu_svn_min": hex::encode(high), "pce_svn_min": 13 });
    let mut both = low;
    both[1] = 9;
    assert_eq!(
        floors(infrastructure, own),
        (Some(both), Some(13)),
        "of two the higher one"
    );
    let one = |infrastructure: Value| with("/Infrastructures", json!({ "a": infrastructure }));
    check(
        &one(json!({ "CPUSVN": [1, 255] })),
        "$.Infrastructures.a.CPUSVN",
        "a CPUSVN has 16 bytes",
    );
    check(
        &one(json!({ "QESVN": 2 })),
        "$.Infrastructures.a.QESVN",
        "this program cannot enforce it",
    );
    check(
        &one(json!({ "PCESVN": 70000 })),
        "$.Infrastructures.a.PCESVN",
        "expected 0 to 65535",
    );
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

#[test]
fn debug_mode_is_accepted_on_sgx_only() {
    for platform in ["tdx", "snp", "tpm"] {
        accepted(&on(platform, json!({ "Debug": false })));
        check(
            &on(platform, json!({ "Debug": true })),
            "$.Packages.machine.Debug",
            "no debug mode",
        );
    }
}
