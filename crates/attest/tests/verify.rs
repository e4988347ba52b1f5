//! Verification and appraisal: each refusal changes one thing in a good fixture.

mod common;

use common::{Fixture, NOW, envelope, good, other_digest};
use strongroom_attest::platform::software::{ATTESTATION_KEY_SECONDS, Authority, ROOT_SECONDS};
use strongroom_attest::{
    Binding, Endorsements, Evidence, ParseError, Platform, Protection, ReferenceValues, Roots, Subject,
    verify,
};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::encode::{Decoder, Encoder};
use strongroom_crypto::issue::{self, Template, Usage};
use strongroom_crypto::random::SystemRandom;
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::Names;

fn check(fixture: &Fixture, expected: Result<(), &str>) {
    let outcome = fixture.run().map(|_| ());
    let code = outcome.as_ref().map_err(|error| error.code().as_str()).copied();
    assert_eq!(
        code,
        expected,
        "{}",
        outcome
            .err()
            .map_or_else(String::new, |error| error.report().to_string())
    );
}

#[test]
fn refuses_what_it_should() {
    check(&good(), Ok(()));
    // 2, 3: no root, another root of the same name
    check(
        &good().with(|it| it.roots = Roots::none()),
        Err("evidence.platform"),
    );
    let other = Authority::generate(NOW, &SystemRandom).expect("an authority");
    let others = Roots::none().with(Platform::Software, other.root().clone());
    check(&good().with(|it| it.roots = others), Err("evidence.root"));
    // 4, 6: time
    check(
        &good().with(|it| it.now = NOW.plus(ATTESTATION_KEY_SECONDS + 1)),
        Err("evidence.expired"),
    );
    check(
        &good().with(|it| it.now = NOW.minus(11 * 60)),
        Err("evidence.expired"),
    );
    check(&good().with(|it| it.now = NOW.plus(3600)), Ok(()));
    check(
        &good().with(|it| it.now = NOW.plus(3601)),
        Err("evidence.expired"),
    );
    check(&good().stating(|it| it.issued_at = NOW.plus(300)), Ok(()));
    check(
        &good().stating(|it| it.issued_at = NOW.plus(301)),
        Err("evidence.expired"),
    );
    // 7: another session
    check(
        &good().stating(|it| it.report_data[63] ^= 1),
        Err("evidence.binding"),
    );
    check(
        &good().with(|it| it.session = Binding::User(b"mine".to_vec())),
        Err("evidence.binding"),
    );
    // 8, 9: the machine
    check(
        &good().expecting(|it| it.protection = vec![Protection::Confidential]),
        Err("evidence.protection"),
    );
    let lesser = vec![Protection::Confidential, Protection::IntegrityOnly];
    check(
        &good().expecting(|it| it.protection = lesser),
        Err("evidence.protection"),
    );
    check(&good().stating(|it| it.debug = true), Err("evidence.debug"));
    check(
        &good()
            .stating(|it| it.debug = true)
            .expecting(|it| it.debug = true),
        Ok(()),
    );
    // 10, 14: program and workload
    check(
        &good().stating(|it| it.measurement = other_digest()),
        Err("evidence.measurement"),
    );
    check(
        &good().stating(|it| it.workload = Some(other_digest())),
        Err("evidence.workload"),
    );
    check(&good().stating(|it| it.workload = None), Err("evidence.workload"));
    check(
        &good().expecting(|it| it.workloads.clear()),
        Err("evidence.workload"),
    );
    check(
        &good()
            .stating(|it| it.workload = None)
            .expecting(|it| it.workloads.clear()),
        Ok(()),
    );
}

#[test]
fn certificates_outside_their_time_are_refused_whatever_the_statement_says() {
    // Not yet valid, for an evidence that is of that time itself.
    let early = NOW.minus(11 * 60);
    check(
        &good()
            .with(|it| it.now = early)
            .stating(|it| it.issued_at = early),
        Err("evidence.expired"),
    );
    let within = NOW.minus(9 * 60);
    check(
        &good()
            .with(|it| it.now = within)
            .stating(|it| it.issued_at = within),
        Ok(()),
    );
    // An attestation key made at the end of its root's time: the root ends first.
    let last_day = NOW.plus(ROOT_SECONDS - 24 * 3600);
    let aged = |now| {
        good().stating(|it| it.issued_at = now).with(|it| {
            let key = SigningKey::from_pkcs8_der(&it.authority.root_key().to_pkcs8_der()).expect("a key");
            let root = it.authority.root().clone();
            it.authority = Authority::resume(root, key, last_day, &SystemRandom).expect("an authority");
            it.now = now;
        })
    };
    check(&aged(NOW.plus(ROOT_SECONDS)), Ok(()));
    check(&aged(NOW.plus(ROOT_SECONDS + 1)), Err("evidence.expired"));
    // An attestation key that ended, under a root that did not.
    let after = NOW.plus(ATTESTATION_KEY_SECONDS + 1);
    let ended = good()
        .with(|it| it.now = after)
        .stating(|it| it.issued_at = NOW.plus(ATTESTATION_KEY_SECONDS));
    let report = ended.run().expect_err("it ended").report().clone();
    assert_eq!(report.first_failure().expect("a failure").id, "validity");
}

#[test]
fn any_of_several_values_will_do() {
    check(
        &good().expecting(|it| it.measurements.insert(0, other_digest().into())),
        Ok(()),
    );
    check(
        &good().expecting(|it| it.workloads.insert(0, other_digest())),
        Ok(()),
    );
}

#[test]
fn a_changed_byte_anywhere_is_refused() {
    let fixture = good();
    let bytes = fixture.evidence().to_bytes();
    let certificate_begins = bytes.len() - body(&fixture)[2].len();
    let accepted = fixture.run_on(&fixture.evidence()).expect("good");
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 0x01;
        let Ok(evidence) = Evidence::parse(&changed) else {
            continue;
        };
        // A certificate has bytes that its own signature does not cover; they can change nothing that is believed.
        if let Ok(report) = fixture.run_on(&evidence) {
            assert!(
                index >= certificate_begins,
                "byte {index} of {} goes unnoticed",
                bytes.len()
            );
            assert_eq!(
                report.lines().skip(3).collect::<Vec<_>>(),
                accepted.lines().skip(3).collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn a_statement_that_somebody_else_signed_is_refused_for_its_signature() {
    let fixture = good();
    let (mine, theirs) = (body(&fixture), body(&good()));
    let mixed = Encoder::unlabelled()
        .bytes(&theirs[0])
        .bytes(&theirs[1])
        .bytes(&mine[2])
        .finish();
    let evidence = Evidence::parse(&envelope(1, &mixed)).expect("well formed");
    assert_eq!(
        fixture.run_on(&evidence).expect_err("mixed").code().as_str(),
        "evidence.signature"
    );
}

#[test]
fn each_certificate_has_one_role() {
    let fixture = good();
    let statement = body(&fixture).remove(0);
    let root_signed = |certificate: &[u8], key: &SigningKey| {
        let body = Encoder::unlabelled()
            .bytes(&statement)
            .bytes(&key.sign(&statement))
            .bytes(certificate)
            .finish();
        let evidence = Evidence::parse(&envelope(1, &body)).expect("well formed");
        fixture
            .run_on(&evidence)
            .expect_err("another role")
            .code()
            .as_str()
    };
    // The root signs no statement itself.
    assert_eq!(
        root_signed(fixture.authority.root().der(), fixture.authority.root_key()),
        "evidence.root"
    );
    // What the root certified for another purpose signs none either.
    let key = SigningKey::generate_p384();
    let template = Template {
        common_name: "inference".to_owned(),
        names: Names::default(),
        not_before: NOW,
        not_after: NOW.plus(3600),
        usage: Usage::Leaf,
        extensions: Vec::new(),
    };
    let issuer = issue::Authority::new("root", fixture.authority.root_key());
    let leaf = issuer
        .issue(&template, key.spki_der(), &SystemRandom)
        .expect("a certificate");
    assert_eq!(root_signed(leaf.der(), &key), "evidence.root");
}

#[test]
fn joined_roots_lend_no_package_another_packages_root() {
    let fixture = good();
    let other = Authority::generate(NOW, &SystemRandom).expect("an authority");
    let evidence = other.issue(&fixture.statement);
    let joined = fixture
        .roots
        .clone()
        .and(&Roots::none().with(Platform::Software, other.root().clone()));
    let verified =
        verify(&evidence, &Endorsements::none(), &joined, &fixture.session, NOW).expect("a joined root");
    let expected = ReferenceValues::new(fixture.expected).expect("usable");
    let refused = expected.appraise(verified).expect_err("its own root only");
    assert_eq!(refused.code().as_str(), "evidence.root");
}

#[test]
fn marbleruns_binding_is_refused_for_an_envelope_of_ours() {
    let session = Binding::MarbleRun {
        client_certificate: b"certificate".to_vec(),
    };
    let report_data = session.report_data();
    assert_eq!(report_data[32..], [0; 32]);
    let fixture = good()
        .with(|it| it.session = session)
        .stating(|it| it.report_data = report_data);
    check(&fixture, Err("evidence.binding"));
}

#[test]
fn refuses_bytes_that_are_no_evidence() {
    let good = good().evidence().to_bytes();
    let refusal = |bytes: &[u8]| Evidence::parse(bytes).expect_err("no evidence");
    assert_eq!(refusal(b""), ParseError::Empty);
    assert_eq!(refusal(&[1, 0, 0, 0, 2, 0, 0, 0, 9, 9]), ParseError::OpenEnclave);
    assert_eq!(
        refusal(&[3, 0, 2, 0, 0, 0, 0, 0]),
        ParseError::Magic,
        "a raw SGX quote"
    );
    assert_eq!(
        refusal(&[4, 0, 2, 0, 0x81, 0, 0, 0]),
        ParseError::Magic,
        "a raw TDX quote"
    );
    assert!(matches!(
        refusal(&good[..good.len() - 1]),
        ParseError::Length { .. }
    ));
    assert!(matches!(
        refusal(&[&good[..], &[0]].concat()),
        ParseError::Length { .. }
    ));
    assert!(matches!(refusal(&good[..10]), ParseError::Length { .. }));
    assert!(matches!(
        refusal(&vec![0; Evidence::BYTES_MAX + 1]),
        ParseError::TooLarge { .. }
    ));
    assert_eq!(refusal(&envelope(99, b"")), ParseError::UnknownPlatform(99));
    assert!(matches!(refusal(&envelope(1, b"")), ParseError::Body { .. }));
    assert_eq!(Evidence::parse(&good).expect("good").to_bytes(), good);
}

#[test]
fn evidence_of_a_platform_not_built_in_says_which_and_whose() {
    let error = ParseError::NotBuiltIn(Platform::Tdx).of(Subject::Coordinator);
    assert_eq!(error.code().as_str(), "evidence.platform");
    assert_eq!(
        error.to_string(),
        "evidence of the coordinator refused: evidence of platform tdx cannot be verified: the platform is not built \
         into this program [evidence.platform]"
    );
    assert_eq!(error.report().platform(), Some(Platform::Tdx));
    let error = Evidence::parse(&envelope(3, b"quote")).expect_err("no quote");
    assert_eq!(error.platform(), Some(Platform::Tdx));
    assert_eq!(
        error.of(Subject::Coordinator).code().as_str(),
        "evidence.malformed"
    );
}

#[test]
fn errors_say_whose_evidence_failed_and_why() {
    let error = good()
        .stating(|it| it.measurement = other_digest())
        .run()
        .expect_err("another program");
    let (expected, found) = (sha256(b"program"), other_digest());
    let sentence = format!(
        "evidence of the coordinator refused: it is another program (expected {expected}; found {found}) \
         [evidence.measurement]"
    );
    assert_eq!(error.to_string(), sentence);
}

#[test]
fn a_hostile_marble_type_cannot_draw_on_a_terminal() {
    let subject = Subject::Marble("a\u{1b}[2J\nb".to_owned());
    assert_eq!(subject.to_string(), r#"marble "a\u{1b}[2J\nb""#);
}

#[test]
fn the_report_lists_every_check() {
    let fixture = good().stating(|it| it.measurement = other_digest());
    let evidence = fixture.evidence();
    let error = fixture.run_on(&evidence).expect_err("another program");
    let root = sha256(fixture.authority.root().der()).to_string();
    let size = format!("{} bytes", evidence.to_bytes().len() - 14);
    let stable = |report: String| report.replace(&root, "ROOT").replace(&size, "SIZE bytes") + "\n";
    compare("report.txt", &stable(error.report().to_string()));
    compare("report_plain.txt", &stable(error.report().plain().to_string()));
    compare(
        "report.json",
        &stable(serde_json::to_string_pretty(error.report()).expect("JSON")),
    );
}

/// Holds `text` against what is checked in; `STRONGROOM_BLESS=1` writes it.
fn compare(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name);
    if std::env::var_os("STRONGROOM_BLESS").is_some() {
        std::fs::write(&path, text).expect("writable");
    }
    assert_eq!(
        text,
        std::fs::read_to_string(&path).expect("checked in"),
        "{name}"
    );
}

/// The three fields of an envelope's body.
fn body(fixture: &Fixture) -> Vec<Vec<u8>> {
    let envelope = fixture.evidence().to_bytes();
    let mut fields = Decoder::new(&envelope[14..]);
    (0..3)
        .map(|_| fields.bytes().expect("three fields").to_vec())
        .collect()
}
