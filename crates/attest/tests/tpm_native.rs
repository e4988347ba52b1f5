//! A TPM's quote as one JSON object, in the forms that tools write: minted ones, and two that tpm2-tools made of a
//! software TPM (swtpm), recorded under a root of its own in `tests/tpm`.

mod samples;
#[path = "common/tpm.rs"]
mod tpm;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strongroom_attest::platform::tpm::KnownKey;
use strongroom_attest::{
    Endorsements, Evidence, Inspection, InspectionPolicy, Outcome, ParseError, Platform, Report, Roots,
};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;
use tpm::{Fixture, Key, MAKER, NOW, good, of_key};

const SWTPM_RSA: &str = include_str!("tpm/swtpm_rsa.json");
const SWTPM_P256: &str = include_str!("tpm/swtpm_p256.json");
const SWTPM_ROOT: &str = include_str!("tpm/root.pem");
/// Name of the P-256 key, as `tpm2_createak` printed it.
const SWTPM_P256_NAME: &str = "6e7acd3faa4089b046243ae8145321105a8889fb3075b426d4d47c2ad1a0d525";
const SWTPM_NONCE: &[u8] = b"a nonce of the verifier";
const SWTPM_NOW: UnixTime = UnixTime(1_800_000_000);

fn read(json: &str) -> Result<Evidence, ParseError> {
    Evidence::read_native(None, json.as_bytes(), None)
}

/// By the strict policy for any program.
fn inspect(evidence: &Evidence, roots: &Roots, nonce: &[u8], now: UnixTime) -> Report {
    inspect_by(
        &InspectionPolicy::strict(Platform::Tpm),
        evidence,
        roots,
        nonce,
        now,
    )
}

fn inspect_by(
    policy: &InspectionPolicy,
    evidence: &Evidence,
    roots: &Roots,
    nonce: &[u8],
    now: UnixTime,
) -> Report {
    let inspection = Inspection {
        endorsements: &Endorsements::none(),
        policy,
        roots,
        report_data: Some(nonce),
        now,
    };
    inspection.report(evidence)
}

fn failed(report: &Report) -> Vec<&'static str> {
    let failed = report
        .checks()
        .iter()
        .filter(|check| matches!(check.outcome, Outcome::Failed { .. }));
    failed.map(|check| check.id).collect()
}

fn swtpm_roots() -> Roots {
    let root = Certificate::parse_pem(SWTPM_ROOT).expect("a certificate");
    Roots::none().with(Platform::Tpm, root)
}

#[test]
fn a_software_tpms_quote_by_tpm2_tools_is_genuine() {
    let evidence = read(SWTPM_RSA).expect("evidence");
    let report = inspect(&evidence, &swtpm_roots(), SWTPM_NONCE, SWTPM_NOW);
    samples::compare("tpm_swtpm.txt", &report.to_string());
    samples::compare(
        "tpm_swtpm.json",
        &serde_json::to_string_pretty(&report).expect("JSON"),
    );
    let unknown = inspect(&evidence, &Roots::none(), SWTPM_NONCE, SWTPM_NOW);
    assert_eq!(failed(&unknown), ["ak.bound_to_ek"]);
    let other_nonce = inspect(&evidence, &swtpm_roots(), b"another", SWTPM_NOW);
    assert_eq!(failed(&other_nonce), ["binding"]);
    let early = inspect(&evidence, &swtpm_roots(), SWTPM_NONCE, UnixTime(1_700_000_000));
    assert_eq!(failed(&early), ["ak.certificate_time"]);
}

#[test]
fn a_quote_with_bare_signature_and_the_tools_file_of_registers_is_genuine_once_its_key_is_pinned() {
    let evidence = read(SWTPM_P256).expect("evidence");
    let pinned = |pin: &str| {
        let pin: KnownKey = pin.parse().expect("a name");
        let roots = Roots::none().with_attestation_key(pin.to_pin());
        failed(&inspect(&evidence, &roots, SWTPM_NONCE, SWTPM_NOW))
    };
    assert!(pinned(SWTPM_P256_NAME).is_empty());
    assert!(pinned(&format!("000b{SWTPM_P256_NAME}")).is_empty());
    let other = SWTPM_P256_NAME.replace("6e7a", "6e7b");
    assert_eq!(pinned(&other), ["ak.bound_to_ek"]);
}

fn base64(bytes: &[u8]) -> Value {
    Value::String(STANDARD.encode(bytes))
}

/// The fixture's evidence as one object, its registers by number in hexadecimal; the quote's nonce is its own.
fn object(fixture: &Fixture) -> Value {
    let signed = fixture.attest();
    let pcrs = fixture.pcrs.iter();
    let pcrs: serde_json::Map<_, _> = pcrs
        .map(|(pcr, value)| (pcr.to_string(), Value::String(hex::encode(value))))
        .collect();
    json!({
        "quote": base64(&signed),
        "signature": base64(&fixture.signature(&signed)),
        "ak_public": base64(&fixture.public()),
        "pcrs": pcrs,
        "event_log": fixture.log.as_deref().map(base64),
    })
}

fn certified() -> (Fixture, Value) {
    let fixture = good();
    let below = MAKER.below("Cloud", |_| {});
    let own = below.issue(&tpm::leaf("attestation key", 3), &fixture.key.spki());
    let mut object = object(&fixture);
    object["ak_certificate"] = base64(own.der());
    object["ek_chain"] = json!([base64(below.certificate.der())]);
    (fixture, object)
}

#[track_caller]
fn check(fixture: &Fixture, object: &Value, expected: &[&str]) {
    let evidence = read(&object.to_string()).expect("evidence");
    let report = inspect(&evidence, &fixture.roots, &fixture.quote.extra_data, NOW);
    assert_eq!(failed(&report), expected, "{report}");
}

#[test]
fn every_form_of_a_member_is_read() {
    let (fixture, good) = certified();
    check(&fixture, &good, &[]);
    let accepts = |change: &dyn Fn(&mut Value)| {
        let mut changed = good.clone();
        change(&mut changed);
        check(&fixture, &changed, &[]);
    };
    let signed = fixture.attest();
    accepts(&|it| it["quote"] = base64(&tpm::sized(&signed)));
    accepts(&|it| it["ak_public"] = base64(&tpm::sized(&fixture.public())));
    let made = fixture.key.sign(&signed);
    accepts(&|it| it["signature"] = base64(&made));
    // Only the key itself, as DER and PEM: whoever certifies it answers for its attributes.
    let spki = fixture.key.spki();
    let pem = strongroom_crypto::x509::public_key_pem(&spki);
    accepts(&|it| it["ak_public"] = base64(&spki));
    accepts(&|it| it["ak_public"] = base64(pem.as_bytes()));
    accepts(&|it| it["ak_public"] = Value::String(pem.clone()));
    // Registers: under their bank, as lists, one after the other, as base64 with line breaks and without padding.
    accepts(&|it| it["pcrs"] = json!({ "sha256": it["pcrs"], "sha1": {} }));
    let values: Vec<Value> = fixture.pcrs.values().map(|value| base64(value)).collect();
    accepts(&|it| it["pcrs"] = values.clone().into());
    accepts(&|it| it["pcrs"] = values[..16].to_vec().into());
    let concatenated: Vec<u8> = fixture.pcrs.values().take(16).flatten().copied().collect();
    accepts(&|it| it["pcrs"] = base64(&concatenated));
    accepts(&|it| {
        let quote = it["quote"]
            .as_str()
            .expect("text")
            .trim_end_matches('=')
            .to_owned();
        it["quote"] = Value::String(format!("{}\n{}", &quote[..40], &quote[40..]));
    });
    // Certificates: PEM, several in one, all in one member.
    let all = |it: &Value| {
        let own = STANDARD.decode(it["ak_certificate"].as_str().expect("text"));
        let below = STANDARD.decode(it["ek_chain"][0].as_str().expect("text"));
        (own.expect("base64"), below.expect("base64"))
    };
    accepts(&|it| {
        let (own, below) = all(it);
        it["ak_certificate"] = base64(&[own, below].concat());
        it["ek_chain"] = Value::Null;
    });
    accepts(&|it| {
        let (own, below) = all(it);
        let pem = [own, below].map(|der| Certificate::parse(&der).expect("a certificate").to_pem());
        it["ek_chain"] = Value::String(pem.concat());
        it.as_object_mut().expect("an object").remove("ak_certificate");
    });
    // What others add is left alone.
    accepts(&|it| it["instance_info"] = json!({ "zone": "a" }));
}

#[test]
fn a_bare_rsa_signature_is_of_sha256() {
    let fixture = of_key(Key::Rsassa);
    let mut object = object(&fixture);
    object["signature"] = base64(&fixture.key.sign(&fixture.attest()));
    let pin = KnownKey::parse(&fixture.public()).expect("a key");
    let fixture = fixture.with(|it| it.roots = Roots::none().with_attestation_key(pin.to_pin()));
    check(&fixture, &object, &[]);
    let pss = of_key(Key::Rsapss);
    object["signature"] = base64(&pss.key.sign(&fixture.attest()));
    check(&fixture, &object, &["quote.signature"]);
}

#[test]
fn damage_is_named_by_its_member() {
    let (fixture, good) = certified();
    let refused = |change: &dyn Fn(&mut Value), part: &str| {
        let mut changed = good.clone();
        change(&mut changed);
        let error = read(&changed.to_string()).expect_err(part).to_string();
        assert!(error.contains(part), "{error:?} says {part:?}");
    };
    refused(
        &|it| drop(it.as_object_mut().expect("an object").remove("pcrs")),
        "members quote, signature",
    );
    refused(&|it| it["quote"] = json!(7), "quote: no base64");
    refused(&|it| it["quote"] = json!("%"), "quote: no base64");
    let signed = fixture.attest();
    refused(
        &|it| it["quote"] = base64(&signed[..20]),
        "quote: TPMS_ATTEST is cut short",
    );
    refused(
        &|it| it["quote"] = base64(&signed[..signed.len() - 1]),
        "quote: TPMS_QUOTE_INFO is cut short",
    );
    refused(
        &|it| it["quote"] = base64(&[&signed[..], &[0]].concat()),
        "quote: bytes follow TPMS_ATTEST",
    );
    refused(
        &|it| it["signature"] = base64(&[1, 2, 3]),
        "signature: neither TPMT_SIGNATURE",
    );
    refused(
        &|it| it["ak_public"] = base64(&[0, 1, 2, 3]),
        "ak_public: neither TPMT_PUBLIC",
    );
    refused(
        &|it| it["ak_public"] = base64(&[0, 8, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0]),
        "ak_public: the object is no RSA key",
    );
    refused(
        &|it| it["ak_certificate"] = base64(&[0x30, 0]),
        "ak_certificate: no certificate",
    );
    refused(
        &|it| it["ek_chain"] = json!([base64(&[0x30, 0x82, 0, 1, 5])]),
        "certificate or revocation list",
    );
    refused(
        &|it| it["pcrs"]["25x"] = json!("00"),
        "pcrs: a member is no register",
    );
    refused(
        &|it| it["pcrs"]["0"] = json!("00"),
        "pcrs: a member is no register",
    );
    refused(
        &|it| it["pcrs"] = json!(["00"]),
        "pcrs: neither an object nor a list",
    );
    refused(
        &|it| it["pcrs"] = base64(&[0; 33]),
        "pcrs: neither an object nor a list",
    );
    refused(&|it| it["event_log"] = json!("%"), "event_log: no base64");
    // Twice the same member, a log inside and one beside, something else altogether.
    let text = good.to_string().replacen('{', "{\"quote\":\"AA==\",", 1);
    assert!(read(&text).is_err(), "a member twice");
    let beside = Evidence::read_native(None, good.to_string().as_bytes(), Some(b"log"));
    let error = beside.expect_err("two logs").to_string();
    assert!(
        error.contains("event_log: there is another log beside it"),
        "{error}"
    );
    assert_eq!(read("{}"), Err(ParseError::NoPlatform));
    assert_eq!(read("[]"), Err(ParseError::NoPlatform));
    let forced = Evidence::read_native(Some(Platform::Tpm), b"{}", None);
    assert!(matches!(
        forced,
        Err(ParseError::Body {
            platform: Platform::Tpm,
            ..
        })
    ));
    let forced = Evidence::read_native(Some(Platform::Tpm), b"\x03\0\x02\0", None);
    assert_eq!(forced, Err(ParseError::NoPlatform));
}

#[test]
fn a_log_may_lie_beside_and_policies_apply_to_both() {
    let (fixture, mut object) = certified();
    object.as_object_mut().expect("an object").remove("event_log");
    let beside =
        |log: &[u8]| Evidence::read_native(None, object.to_string().as_bytes(), Some(log)).expect("evidence");
    let policy = |measurement| {
        let policy = json!({
            "format": "strongroom.policy.v1",
            "evidence": [{
                "platform": "tpm",
                "roots": [MAKER.certificate.to_pem()],
                "measurements": [measurement],
                "workloads": [tpm::workload()],
                "protection": ["integrity_only"],
            }],
        });
        InspectionPolicy::parse(policy.to_string().as_bytes()).expect("a policy")
    };
    let log = fixture.log.as_deref().expect("a log");
    let nonce = &fixture.quote.extra_data;
    let report = inspect_by(&policy(tpm::program()), &beside(log), &Roots::none(), nonce, NOW);
    assert_eq!(failed(&report), [""; 0], "{report}");
    let other = policy(sha256(b"another"));
    let report = inspect_by(&other, &beside(log), &Roots::none(), nonce, NOW);
    assert_eq!(failed(&report), ["measurement"], "{report}");
    let cut = &log[..log.len() - 1];
    let report = inspect_by(&other, &beside(cut), &Roots::none(), nonce, NOW);
    assert_eq!(failed(&report)[0], "event_log.format", "{report}");
}

#[test]
fn no_changed_byte_of_a_recorded_quote_is_accepted() {
    let object: Value = serde_json::from_str(SWTPM_RSA).expect("JSON");
    let quote = STANDARD
        .decode(object["quote"].as_str().expect("text"))
        .expect("base64");
    for place in 0..quote.len() {
        let mut changed = quote.clone();
        changed[place] ^= 1 << (place % 8);
        let mut object = object.clone();
        object["quote"] = base64(&changed);
        let accepted = read(&object.to_string()).is_ok_and(|evidence| {
            let report = inspect(&evidence, &swtpm_roots(), SWTPM_NONCE, SWTPM_NOW);
            report.first_failure().is_none()
        });
        assert!(!accepted, "byte {place}");
    }
}
