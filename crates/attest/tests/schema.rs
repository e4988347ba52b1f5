//! `docs/schema/policy.v1.json` names the fields that are read, at every level, and no other.

use serde_json::{Value, json};
use strongroom_attest::{ClientPolicy, InspectionPolicy};

/// A field that no policy has.
const UNKNOWN: &str = "frobnication";

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/schema/policy.v1.json")).expect("JSON")
}

/// The fields that a document may have where an unknown one stands: what reads it lists them when it refuses.
fn read_at(document: &Value) -> Vec<String> {
    let refused = InspectionPolicy::parse(document.to_string().as_bytes())
        .expect_err("an unknown field is refused")
        .to_string();
    fields_in(&refused)
}

fn fields_in(refused: &str) -> Vec<String> {
    let (_, listed) = refused
        .split_once(&format!("unknown field `{UNKNOWN}`, expected"))
        .unwrap_or_else(|| panic!("{refused}"));
    let mut fields: Vec<_> = listed.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    fields.sort();
    fields
}

fn named_in(definition: &Value) -> Vec<String> {
    let properties = definition["properties"].as_object().expect("properties");
    assert_eq!(definition["additionalProperties"], false, "{definition}");
    let mut names: Vec<_> = properties.keys().cloned().collect();
    names.sort();
    names
}

#[test]
fn the_schema_names_what_is_read_at_every_level() {
    let schema = schema();
    let unknown = || json!({ UNKNOWN: 1 });
    let levels = [
        ("reference_values", "software", unknown()),
        ("exception", "software", json!({ "exceptions": [unknown()] })),
        ("sgx", "sgx", json!({ "sgx": unknown() })),
        (
            "sgx_attributes",
            "sgx",
            json!({ "sgx": { "attributes": unknown() } }),
        ),
        (
            "masked",
            "sgx",
            json!({ "sgx": { "attributes": { "value": unknown() } } }),
        ),
        ("tcb", "sgx", json!({ "sgx": { "tcb": unknown() } })),
        ("hardware", "sgx", json!({ "sgx": { "hardware": unknown() } })),
        ("tdx", "tdx", json!({ "tdx": unknown() })),
        ("tcb", "tdx", json!({ "tdx": { "tcb": unknown() } })),
        ("hardware", "tdx", json!({ "tdx": { "hardware": unknown() } })),
        (
            "td_attributes",
            "tdx",
            json!({ "tdx": { "td_attributes": unknown() } }),
        ),
        ("events", "tdx", json!({ "tdx": { "events": unknown() } })),
        ("snp", "snp", json!({ "snp": unknown() })),
        ("tpm", "tpm", json!({ "tpm": unknown() })),
        ("events", "tpm", json!({ "tpm": { "events": unknown() } })),
        (
            "event_rule",
            "tpm",
            json!({ "tpm": { "events": { "forbid": [unknown()] } } }),
        ),
        ("ima", "tpm", json!({ "tpm": { "ima": unknown() } })),
    ];
    for (definition, platform, mut entry) in levels {
        entry["platform"] = platform.into();
        let document = json!({ "format": "strongroom.policy.v1", "evidence": [entry] });
        let definition = (definition, &schema["$defs"][definition]);
        assert_eq!(
            read_at(&document),
            named_in(definition.1),
            "{}: {document}",
            definition.0
        );
    }
    let mut document = json!({ UNKNOWN: 1 });
    document["format"] = "strongroom.policy.v1".into();
    assert_eq!(read_at(&document), named_in(&schema));
}

#[test]
fn a_policy_for_a_deployment_has_everything_but_evidence() {
    let refused = ClientPolicy::parse(json!({ UNKNOWN: 1 }).to_string().as_bytes()).expect_err("refused");
    let mut fields = fields_in(&refused.to_string());
    fields.push("evidence".to_owned());
    fields.sort();
    assert_eq!(fields, named_in(&schema()));
}

#[test]
fn words_of_the_schema_are_understood() {
    let schema = schema();
    let entries = |definition: &Value, entry: &dyn Fn(&Value) -> Value| {
        for word in definition["enum"].as_array().expect("words") {
            let document = json!({ "format": "strongroom.policy.v1", "evidence": [entry(word)] });
            let read = InspectionPolicy::parse(document.to_string().as_bytes());
            assert!(read.is_ok(), "{document}: {read:?}");
        }
    };
    let defs = &schema["$defs"];
    entries(
        &defs["tcb_status"],
        &|word| json!({ "platform": "tdx", "tdx": { "tcb": { "accepted_statuses": [word] } } }),
    );
    entries(
        &defs["demand"],
        &|word| json!({ "platform": "sgx", "sgx": { "hardware": { "smt": word, "cached_keys": word, "dynamic_platform": word } } }),
    );
    entries(
        &defs["reference_values"]["properties"]["platform"],
        &|word| json!({ "platform": word }),
    );
    entries(
        &defs["reference_values"]["properties"]["protection"]["items"],
        &|word| json!({ "platform": "tpm", "protection": [word] }),
    );
    let revoked = r#"{"format": "strongroom.policy.v1", "evidence": [{"platform": "tdx", "tdx": {"tcb": {"accepted_statuses": ["Revoked"]}}}]}"#;
    assert!(InspectionPolicy::parse(revoked.as_bytes()).is_err());
}
