//! MarbleRun's rules: one change to a good manifest, one problem at the right place.

use serde_json::{Value, json};

use crate::fixture::{ADMIN, good, parse, set, with, without};
use crate::refuse::check;

#[test]
fn packages() {
    let at = "$.Packages.enclave";
    check(
        &with("/Packages/enclave/UniqueID", json!("bb".repeat(32))),
        at,
        "both UniqueID *and* SignerID",
    );
    check(
        &without("/Packages/enclave/SignerID"),
        at,
        "misses value for SignerID",
    );
    check(
        &without("/Packages/enclave/SecurityVersion"),
        at,
        "misses value for SecurityVersion",
    );
    check(&with("/Packages/enclave", json!({})), at, "any program would do");
    check(
        &with("/Packages/enclave", json!({ "Debug": true })),
        at,
        "any program would do",
    );
    check(
        &with("/Packages/unused", json!({})),
        "$.Packages.unused",
        "any program would do",
    );
    check(
        &with("/Packages/enclave/SignerID", json!("aa")),
        "$.Packages.enclave.SignerID",
        "64 hexadecimal",
    );
    let statuses = "/Packages/enclave/AcceptedTCBStatuses";
    check(
        &with(statuses, json!(["Uptodate"])),
        "$.Packages.enclave.AcceptedTCBStatuses[0]",
        "`UpToDate`",
    );
}

#[test]
fn marbles() {
    check(
        &with("/Marbles/frontend/Package", json!("enclve")),
        "$.Marbles.frontend.Package",
        "did you mean `enclave`?",
    );
    check(
        &without("/Marbles/frontend/Package"),
        "$.Marbles.frontend.Package",
        "names the package",
    );
    check(
        &with("/Marbles/frontend/TLS", json!(["wep"])),
        "$.Marbles.frontend.TLS[0]",
        "did you mean `web`?",
    );
    check(
        &with("/Marbles/inference/Models", json!(["digit"])),
        "$.Marbles.inference.Models[0]",
        "`digits`",
    );
    check(
        &with("/Marbles/inference/Models/-", json!("digits")),
        "$.Marbles.inference.Models[1]",
        "twice",
    );
    check(
        &with("/Marbles/inference/ProvisionDir", json!("run")),
        "$.Marbles.inference.ProvisionDir",
        "absolute",
    );
    let inside = "/Marbles/inference/Parameters/Files/~1run~1strongroom~1keys~1x";
    check(
        &with(inside, json!("")),
        "$.Marbles.inference.Parameters.Files[\"/run/strongroom/keys/x\"]",
        "ProvisionDir",
    );
    let escape = "/Marbles/inference/Parameters/Files/~1a~1..~1b";
    check(
        &with(escape, json!("")),
        "$.Marbles.inference.Parameters.Files[\"/a/../b\"]",
        "`..`",
    );
    let env = "/Marbles/inference/Parameters/Env/A";
    check(
        &with(env, json!("a\0b")),
        "$.Marbles.inference.Parameters.Env.A",
        "null byte",
    );
    check(
        &with("/Marbles/inference/Parameters/Argv/-", json!("a\0")),
        "$.Marbles.inference.Parameters.Argv[1]",
        "null",
    );
    let mut none = good();
    for section in ["Marbles", "Packages", "Models", "Roles", "Users", "Coordinator"] {
        set(&mut none, &format!("/{section}"), json!({}));
    }
    let told = parse(&none).expect_err("nothing is left").to_string();
    assert!(
        told.contains("no allowed packages defined") && told.contains("no allowed marbles defined"),
        "{told}"
    );
}

#[test]
fn templates() {
    let env = |text: &str| with("/Marbles/frontend/Parameters/Env", json!({ "A": text }));
    let at = "$.Marbles.frontend.Parameters.Env.A";
    check(
        &env("{{ raw .Secrets.shared }}"),
        at,
        "function `raw` is not defined for variables",
    );
    check(&env("{{ hex .Secrets.shard }}"), at, "did you mean `shared`?");
    check(
        &env("{{ string .Secrets.shared }}"),
        at,
        "only secrets of type plain",
    );
    check(&env("{{ hex .Secrets.shared.Cert }}"), at, "has no certificate");
    check(
        &env("{{ range .Secrets }}{{ end }}"),
        at,
        "`range` is not supported",
    );
    let file = with(
        "/Marbles/frontend/Parameters/Files/~1f",
        json!("{{ string .Secrets.greeting }}"),
    );
    check(
        &file,
        "$.Marbles.frontend.Parameters.Files[\"/f\"]",
        "not defined for files",
    );
}

#[test]
fn secrets() {
    check(
        &with("/Secrets/each/Type", json!("symetric-key")),
        "$.Secrets.each.Type",
        "`symmetric-key`",
    );
    check(
        &with("/Secrets/each/Size", json!(0)),
        "$.Secrets.each.Size",
        "invalid secret size",
    );
    check(
        &with("/Secrets/each/Size", json!(12)),
        "$.Secrets.each.Size",
        "multiple of 8",
    );
    check(
        &with("/Secrets/each/Size", json!(65_288)),
        "$.Secrets.each.Size",
        "more than 65280",
    );
    let generated = with("/Secrets/text", json!({ "Type": "plain" }));
    check(&generated, "$.Secrets.text", "cannot be generated");
    check(
        &with("/Secrets/web/Size", json!(100)),
        "$.Secrets.web.Size",
        "the curves are",
    );
    check(
        &with("/Secrets/web/Type", json!("cert-rsa")),
        "$.Secrets.web.Size",
        "RSA keys have",
    );
    check(
        &with("/Secrets/web/Type", json!("cert-ed25519")),
        "$.Secrets.web.Size",
        "no size to choose",
    );
    check(
        &with("/Secrets/web/Cert/NotAfter", json!("2030-01-31T12:00:00Z")),
        "$.Secrets.web.Cert.NotAfter",
        "ambiguous",
    );
    check(
        &with("/Secrets/web/Cert/URIs", json!([{ "Host": "x" }])),
        "$.Secrets.web.Cert.URIs",
        "not supported",
    );
    check(
        &with("/Secrets/each/Private", json!("AAEC")),
        "$.Secrets.each.Private",
        "everybody can read",
    );
}

#[test]
fn tls() {
    let incoming = |entry: Value| with("/TLS/web/Incoming", json!([entry]));
    check(&incoming(json!({})), "$.TLS.web.Incoming[0].Port", "missing");
    check(
        &incoming(json!({ "Port": "1", "DisableClientAuth": true })),
        "$.TLS.web.Incoming[0]",
        "without a `Cert`",
    );
    check(
        &incoming(json!({ "Port": "1", "Cert": "web" })),
        "$.TLS.web.Incoming[0]",
        "does not disable",
    );
    let of = |name: &str| json!({ "Port": "1", "Cert": name, "DisableClientAuth": true });
    check(
        &incoming(of("wep")),
        "$.TLS.web.Incoming[0].Cert",
        "did you mean `web`?",
    );
    check(
        &incoming(of("shared")),
        "$.TLS.web.Incoming[0].Cert",
        "no certificate",
    );
    check(
        &with("/TLS/web/Outgoing", json!([{ "Port": "1" }])),
        "$.TLS.web.Outgoing[0].Addr",
        "missing",
    );
}

#[test]
fn users_and_roles() {
    check(
        &without("/Users/owner/Certificate"),
        "$.Users.owner.Certificate",
        "known by a certificate",
    );
    check(
        &with("/Users/owner/Certificate", json!("x")),
        "$.Users.owner.Certificate",
        "invalid certificate",
    );
    check(
        &with("/Users/owner/Certificate", json!(ADMIN.to_pem())),
        "$.Users.owner.Certificate",
        "same certificate",
    );
    check(
        &with("/Users/owner/Roles", json!(["owns"])),
        "$.Users.owner.Roles[0]",
        "did you mean `own`?",
    );
    check(
        &with("/Roles/own/ResourceType", json!("secrets")),
        "$.Roles.own.ResourceType",
        "unrecognized resource type",
    );
    check(
        &with("/Roles/own/Actions", json!(["Foo"])),
        "$.Roles.own.Actions[0]",
        "unknown action: Foo",
    );
    check(
        &with("/Roles/own/ResourceNames", json!(["digit-key"])),
        "$.Roles.own.ResourceNames[0]",
        "`digits-key`",
    );
    check(
        &with("/Roles/own/ResourceNames", json!(["shared"])),
        "$.Roles.own.ResourceNames[0]",
        "not user-defined",
    );
    let unique = json!({ "ResourceType": "Secrets", "ResourceNames": ["each"], "Actions": ["ReadSecret"] });
    check(
        &with("/Roles/extra", unique),
        "$.Roles.extra.ResourceNames[0]",
        "per-marble-unique",
    );
    check(
        &with("/Roles/patch/ResourceNames", json!(["x"])),
        "$.Roles.patch.ResourceNames[0]",
        "no package `x`",
    );
    check(
        &with("/Roles/update/ResourceNames", json!(["x"])),
        "$.Roles.update.ResourceNames",
        "not allowed",
    );
}
