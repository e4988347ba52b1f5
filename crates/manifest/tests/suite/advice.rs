//! Warnings, exceptions, and where secrets go.

use serde_json::{Value, json};
use strongroom_manifest::{Channel, SecretName};

use crate::fixture::{NOW, accepted, good, set, with, without};

fn warned(manifest: &Value) -> Vec<String> {
    let warnings = accepted(manifest).warnings(NOW);
    warnings
        .iter()
        .map(|warning| format!("{} {}", warning.code, warning.path))
        .collect()
}

/// The change adds exactly this warning.
#[track_caller]
fn adds(manifest: &Value, expected: &str) {
    let before = warned(&good());
    let added: Vec<String> = warned(manifest)
        .into_iter()
        .filter(|warning| !before.contains(warning))
        .collect();
    assert_eq!(added, [expected]);
}

#[test]
fn the_good_manifest_is_warned_of_what_it_is() {
    let expected = [
        "simulated $.Packages.coordinator",
        "simulated $.Packages.launcher",
        "single_recovery_key $.RecoveryKeys",
        "single_updater $.Users",
    ];
    assert_eq!(warned(&good()), expected);
}

#[test]
fn each_unwise_thing_is_warned_of() {
    adds(
        &with("/Marbles/frontend/DNSNames", json!([])),
        "any_name $.Marbles.frontend.DNSNames",
    );
    adds(
        &with("/Marbles/frontend/MaxActivations", json!(0)),
        "activations_unlimited $.Marbles.frontend.MaxActivations",
    );
    let unbound = with("/Marbles/frontend/DisableSecretBinding", json!(true));
    adds(
        &unbound,
        "secret_binding_disabled $.Marbles.frontend.DisableSecretBinding",
    );
    adds(
        &with("/Models/digits/Clients", json!("anyone")),
        "clients_anyone $.Models.digits.Clients",
    );
    adds(
        &with("/Packages/enclave/Debug", json!(true)),
        "debug $.Packages.enclave",
    );
    adds(
        &with("/Packages/enclave/AcceptedTCBStatuses", json!(["OutOfDate"])),
        "tcb_status $.Packages.enclave",
    );
    adds(
        &with("/Secrets/digits-key/Guarded", json!(false)),
        "unguarded_model_key $.Secrets.digits-key.Guarded",
    );
    adds(
        &with("/Roles/greet/Actions", json!(["ReadSecret"])),
        "nobody_writes $.Secrets.greeting",
    );
    adds(
        &with("/Infrastructures", json!({ "a": {} })),
        "infrastructure_open $.Infrastructures.a",
    );
    adds(&without("/RecoveryKeys"), "no_recovery $.RecoveryKeys");
    adds(
        &with("/Config/SealMode", json!("Disabled")),
        "seal_disabled $.Config.SealMode",
    );
    let key = "{{ pem .MarbleRun.MarbleCert.Private }}";
    let place = "$.Marbles.frontend.Parameters.Files[\"/key\"]";
    adds(
        &with("/Marbles/frontend/Parameters/Files/~1key", json!(key)),
        &format!("coordinator_made_key {place}"),
    );
    let guarded = "{{ raw (index .Secrets \"digits-key\") }}";
    let other = with("/Marbles/frontend/Parameters/Files/~1key", json!(guarded));
    adds(&other, "guarded_in_template $.Marbles.frontend");
    let preload = with("/Marbles/inference/Parameters/Env/LD_PRELOAD", json!("x"));
    adds(
        &preload,
        "variable_dropped $.Marbles.inference.Parameters.Env.LD_PRELOAD",
    );
    let argument = with(
        "/Marbles/inference/Parameters/Argv/-",
        json!("{{ hex .Secrets.shared }}"),
    );
    adds(
        &argument,
        "template_in_argument $.Marbles.inference.Parameters.Argv[1]",
    );
    let mut unserved = with("/Marbles/inference/Models", json!([]));
    set(&mut unserved, "/Marbles/inference/Package", json!("launcher"));
    adds(&unserved, "model_unused $.Models.digits");
    adds(
        &with("/Coordinator/Packages/-", json!("launcher")),
        "coordinator_with_workloads $.Coordinator.Packages",
    );
    let unused = json!({ "UniqueID": "cc".repeat(32) });
    let added = warned(&with("/Packages/spare", unused));
    assert!(added.contains(&"package_unused $.Packages.spare".to_owned()));
}

#[test]
fn exceptions_are_listed_for_whoever_has_to_trust() {
    let mut manifest = with("/Packages/enclave/Debug", json!(true));
    set(
        &mut manifest,
        "/Packages/enclave/AcceptedTCBStatuses",
        json!(["UpToDate", "OutOfDate"]),
    );
    set(&mut manifest, "/Models/digits/Clients", json!("anyone"));
    set(&mut manifest, "/Secrets/digits-key/Guarded", json!(false));
    set(&mut manifest, "/Marbles/frontend/DNSNames", json!([]));
    set(
        &mut manifest,
        "/Config/AcceptExpiredUserCertificates",
        json!(true),
    );
    set(&mut manifest, "/Config/LeafValidity", json!(720));
    let told: Vec<String> = accepted(&manifest)
        .exceptions()
        .iter()
        .map(|exception| format!("{} {}", exception.code, exception.subject))
        .collect();
    assert_eq!(
        told,
        [
            "simulated package coordinator",
            "debug package enclave",
            "tcb_status package enclave",
            "simulated package launcher",
            "any_name marble frontend",
            "clients_anyone model digits",
            "unguarded_model_key secret digits-key",
            "expired_user_certificates config",
            "long_leaf_validity config",
        ]
    );
    let simulated = accepted(&good()).exceptions();
    assert_eq!(simulated.len(), 2);
    assert!(simulated[0].to_string().contains("SIMULATED"));
}

#[test]
fn every_way_of_a_secret_is_shown() {
    let guarded = "{{ raw (index .Secrets \"digits-key\") }}";
    let manifest = accepted(&with("/Marbles/frontend/Parameters/Files/~1key", json!(guarded)));
    let flow = manifest.secret_flow("digits-key");
    let told: Vec<(&str, &Channel)> = flow.iter().map(|way| (way.marble.as_str(), &way.how)).collect();
    let expected = [
        ("frontend", &Channel::File("/key".to_owned())),
        ("inference", &Channel::ModelKey("digits".into())),
    ];
    assert_eq!(told, expected);
    let web = accepted(&good()).secret_flow("web");
    assert_eq!(web[0].how, Channel::TlsCertificate("web".to_owned()));
    let greeting = accepted(&good()).secret_flow("greeting");
    assert_eq!(greeting[0].how, Channel::Variable("GREETING".to_owned()));
}

#[test]
fn access_names_readers_writers_and_updaters() {
    let access = accepted(&good()).secret_access(&SecretName::from("digits-key"));
    assert_eq!((access.readers.len(), access.writers.len()), (0, 1));
    assert_eq!(access.writers[0].as_str(), "owner");
    assert_eq!(access.updaters[0].as_str(), "admin");
    assert_eq!(access.updaters_needed, 1);
    assert!(access.guarded);
}
