//! What a package asks of its platform, beside the program that runs there: `Policy`, `RequiredChecks`, `Exceptions`.

use serde::de::DeserializeOwned;
use strongroom_attest::Platform;
use strongroom_attest::reference::{Exception, Expiry, Fields as ReferenceFields};
use strongroom_attest::step;
use strongroom_crypto::time::UnixTime;

use crate::fields::Fields;
use crate::json::Value;
use crate::problem::did_you_mean;

const EXCEPTION: &[&str] = &["Check", "Found", "Owner", "Reason", "Expires"];
/// Most exceptions of one package.
const EXCEPTIONS_MAX: usize = 64;

pub(super) fn read(fields: &Fields<'_>, reference: &mut ReferenceFields) {
    match reference.platform {
        Platform::Sgx => reference.sgx = platform(fields),
        Platform::Tdx => reference.tdx = platform(fields),
        Platform::Snp => reference.snp = platform(fields),
        Platform::Tpm => reference.tpm = platform(fields),
        other => {
            if fields.value("Policy").is_some_and(|value| !value.is_zero()) {
                let message = format!("nothing more can be asked of platform {other}");
                fields.problems().check(&fields.at("Policy"), message);
            }
        }
    }
    reference.required_checks = required(fields);
    reference.exceptions = exceptions(fields);
}

/// The platform's own block, as `strongroom.policy.v1` has it: one form for manifests and for policies.
fn platform<T: DeserializeOwned>(fields: &Fields<'_>) -> Option<T> {
    let value = fields.value("Policy")?;
    let path = fields.at("Policy");
    // A list would be read as the fields in their order.
    if !matches!(value, Value::Object(_)) {
        return fields.wrong_kind("Policy", "an object", value);
    }
    let json = match value.to_serde() {
        Ok(json) => json,
        Err(message) => {
            fields.problems().decode(&path, message, None);
            return None;
        }
    };
    match serde_json::from_value(json) {
        Ok(policy) => Some(policy),
        Err(error) => {
            fields.problems().decode(&path, error.to_string(), None);
            None
        }
    }
}

fn required(fields: &Fields<'_>) -> Vec<String> {
    let mut required = Vec::new();
    for (path, id) in fields.texts("RequiredChecks") {
        if step::by_id(id).is_none() {
            fields
                .problems()
                .check_hint(&path, format!("there is no check `{id}`"), check_hint(id));
        } else {
            required.push(id.to_owned());
        }
    }
    required
}

fn exceptions(fields: &Fields<'_>) -> Vec<Exception> {
    let list = fields.list("Exceptions");
    if list.len() > EXCEPTIONS_MAX {
        let message = format!("{} exceptions are more than {EXCEPTIONS_MAX}", list.len());
        fields.problems().check(&fields.at("Exceptions"), message);
        return Vec::new();
    }
    let read = |(path, value)| exception(&Fields::open(value, path, EXCEPTION, fields.problems()));
    list.into_iter().filter_map(read).collect()
}

/// One exception; every one has somebody who answers for it, a reason, and an end.
fn exception(fields: &Fields<'_>) -> Option<Exception> {
    let problems = fields.problems();
    let before = problems.count();
    let stated = |name: &str, what: &str| {
        let before = problems.count();
        let text = fields.text_if_set(name).filter(|text| !text.trim().is_empty());
        if text.is_none() && problems.count() == before {
            problems.check(&fields.at(name), format!("missing: {what}"));
        }
        text.unwrap_or_default()
    };
    let check = stated("Check", "the check that an exception is made from");
    let owner = stated("Owner", "an exception needs somebody who answers for it");
    let reason = stated("Reason", "an exception needs a reason");
    let expires = stated(
        "Expires",
        "an exception ends, at a time such as 2027-01-31T00:00:00Z",
    );
    match step::by_id(check) {
        _ if check.is_empty() => {}
        None => {
            let message = format!("there is no check `{check}`");
            problems.check_hint(&fields.at("Check"), message, check_hint(check));
        }
        Some(step) if !step.is_excusable() => {
            let message = format!("nobody can make an exception from check `{check}`");
            problems.check(&fields.at("Check"), message);
        }
        Some(_) => {}
    }
    let end = UnixTime::parse_rfc3339(expires);
    if end.is_none() && !expires.is_empty() {
        problems.check(&fields.at("Expires"), "not a time such as 2027-01-31T00:00:00Z");
    }
    let found = fields.text_if_set("Found").map(str::to_owned);
    (problems.count() == before).then(|| Exception {
        check: check.to_owned(),
        found,
        owner: owner.to_owned(),
        reason: reason.to_owned(),
        expires: Expiry(end.unwrap_or_default()),
    })
}

fn check_hint(id: &str) -> String {
    did_you_mean(id, step::all().map(step::Step::id))
        .unwrap_or_else(|| "docs/attestation.md lists them".to_owned())
}
