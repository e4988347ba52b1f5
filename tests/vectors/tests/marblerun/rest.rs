//! The captured requests, sent to our coordinator in the order in which they were captured.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::x509::Certificate;

use super::capture::{self, Answer, Caller, Sent};
use super::kind::Kind;
use super::programs::{Coordinator, Machine, User};
use super::{FAMILY, body};

/// Values that differ from run to run: the file, where they are, what they are.
const VARYING: &[(&str, &str, Kind)] = &[
    ("03-quote-v1.txt", "/data/Cert", Kind::Chain),
    ("03-quote-v1.txt", "/data/Quote", Kind::Quote),
    ("04-quote-v2.txt", "/data/cert", Kind::Chain),
    ("04-quote-v2.txt", "/data/quote", Kind::Quote),
    ("05-quote-nonce.txt", "/data/cert", Kind::Chain),
    ("05-quote-nonce.txt", "/data/quote", Kind::Quote),
    ("28-set-v2.txt", "/data/RecoverySecrets/rk1", Kind::Bytes),
    (
        "32-manifest-v1.txt",
        "/data/ManifestSignatureRootECDSA",
        Kind::Signature,
    ),
    ("32-manifest-v1.txt", "/data/ManifestSignature", Kind::Digest),
    ("32-manifest-v1.txt", "/data/Manifest", Kind::AnyBytes),
    (
        "33-manifest-v2.txt",
        "/data/manifestSignatureRootECDSA",
        Kind::Signature,
    ),
    ("33-manifest-v2.txt", "/data/manifestFingerprint", Kind::Digest),
    ("33-manifest-v2.txt", "/data/manifest", Kind::AnyBytes),
    ("34-log-v1.txt", "/data", Kind::LogLine),
    ("35-log-v2.txt", "/data/updateLog/0", Kind::LogLine),
    (
        "36-secret-get-v2.txt",
        "/data/secrets/certS/Cert",
        Kind::Certificate,
    ),
    (
        "36-secret-get-v2.txt",
        "/data/secrets/certS/Private",
        Kind::AnyBytes,
    ),
    ("36-secret-get-v2.txt", "/data/secrets/certS/Public", Kind::Bytes),
    (
        "36-secret-get-v2.txt",
        "/data/secrets/symShared/Private",
        Kind::Bytes,
    ),
    (
        "36-secret-get-v2.txt",
        "/data/secrets/symShared/Public",
        Kind::Bytes,
    ),
    ("37-secret-get-v1.txt", "/data/symShared/Private", Kind::Bytes),
    ("37-secret-get-v1.txt", "/data/symShared/Public", Kind::Bytes),
    ("68-rec-quote.txt", "/data/cert", Kind::Chain),
    ("68-rec-quote.txt", "/data/quote", Kind::Quote),
    ("69-rec-pub.txt", "/data/ephemeralPublicKey", Kind::Bytes),
];

/// What we answer instead.
enum Ours {
    /// Another sentence.
    Message(&'static str),
    /// Another value at a place of [`VARYING`]: what [`Kind`] says of ours.
    Value(&'static str, &'static str),
    /// An error of v2 instead of a success.
    Error(u16, &'static str),
}

/// Where we answer otherwise, and why. Each stands in docs/compatibility.md too, but for what is to be mended.
const DIFFERENCES: &[(&str, Ours, &str)] = &[
    (
        "25-set-empty-v1.txt",
        Ours::Message(
            "checking manifest: $.Packages: no allowed packages defined; $.Marbles: no allowed marbles defined",
        ),
        "all faults of a manifest are told at once, each with its place",
    ),
    (
        "26-set-badjson-v1.txt",
        Ours::Message(
            "unmarshaling manifest: $: expected value at line 1 column 1 (a manifest is one JSON object; convert YAML first)",
        ),
        "the sentence after the colon is our parser's, with its place and a hint",
    ),
    (
        "27-set-empty-v2.txt",
        Ours::Message(
            "checking manifest: $.Packages: no allowed packages defined; $.Marbles: no allowed marbles defined",
        ),
        "all faults of a manifest are told at once, each with its place",
    ),
    (
        "69-rec-pub.txt",
        Ours::Value("/data/ephemeralPublicKey", "422"),
        "a key of 3072 bits, as strong as what it protects needs, is made several times faster than one of 4096",
    ),
    (
        "72-rec-wrong.txt",
        Ours::Error(
            500,
            "setting recovery key: the recovery secret does not open the state",
        ),
        "with one key nothing remains to be collected: a wrong secret is refused and not kept, so nobody can fill the memory or spoil the next attempt",
    ),
];

#[tokio::test]
#[ignore = "needs STRONGROOM_VECTORS"]
async fn captured_requests_get_the_captured_answers() {
    let machine = Machine::start();
    let mut replay = Replay::new(machine.coordinator(&machine.state()));
    for file in replayed(1, 47) {
        replay.run(&file).await;
    }
    replay.manifest_is_verbatim_and_signed().await;
    // The state on another machine, which cannot unseal it.
    let elsewhere = Machine::start();
    let mut replay = replay.moved(|coordinator| {
        drop(coordinator);
        elsewhere.coordinator(&machine.state())
    });
    for file in replayed(67, 73) {
        replay.run(&file).await;
    }
    replay.done();
}

fn replayed(from: u8, to: u8) -> Vec<String> {
    let number = |file: &String| file.get(..2).and_then(|digits| digits.parse::<u8>().ok());
    let files = FAMILY.files().into_iter();
    let files: Vec<String> = files
        .filter(|file| number(file).is_some_and(|number| (from..=to).contains(&number)))
        .collect();
    assert_eq!(files.len(), usize::from(to - from) + 1, "each number is there");
    files
}

struct Replay {
    coordinator: Coordinator,
    admin: User,
    other: User,
    manifest: Vec<u8>,
    wrong: Vec<String>,
}

impl Replay {
    fn new(coordinator: Coordinator) -> Self {
        let (admin, other) = (User::new("admin"), User::new("other"));
        Self {
            manifest: manifest(&admin, &other),
            coordinator,
            admin,
            other,
            wrong: Vec::new(),
        }
    }

    /// Goes on with another coordinator.
    fn moved(self, how: impl FnOnce(Coordinator) -> Coordinator) -> Self {
        Self {
            coordinator: how(self.coordinator),
            ..self
        }
    }

    /// Sends what a capture sent, and compares.
    async fn run(&mut self, file: &str) {
        let (request, theirs) = capture::parse(&FAMILY.text(file));
        let user = match request.caller {
            Caller::Nobody => None,
            Caller::Admin => Some(&self.admin.identity),
            Caller::Other => Some(&self.other.identity),
        };
        let sent = match request.sent {
            Sent::Bytes(text) => text.into_bytes(),
            Sent::Manifest => self.manifest.clone(),
            Sent::WrappedManifest => json!({ "manifest": STANDARD.encode(&self.manifest) })
                .to_string()
                .into_bytes(),
        };
        let (ours, _) = self
            .coordinator
            .ask(user, &request.method, &request.path, sent)
            .await;
        // With metrics on, MarbleRun answers an unknown path with a reset; without, as it does a wrong method.
        let theirs = theirs.unwrap_or_else(|| {
            assert_eq!(file, "09-unknown-path.txt", "{file} has no answer");
            capture::parse(&FAMILY.text("10-post-status.txt"))
                .1
                .expect("an answer")
        });
        if let Err(difference) = compare(file, &theirs, &ours) {
            self.wrong.push(format!("{file}: {difference}"));
        }
    }

    /// What the captures cannot show, since keys and manifest are others.
    async fn manifest_is_verbatim_and_signed(&self) {
        let (answer, root) = self
            .coordinator
            .ask(None, "GET", "/api/v2/manifest", Vec::new())
            .await;
        let data = &answer.json()["data"];
        let bytes = |name: &str| {
            let text = data[name].as_str().unwrap_or_else(|| panic!("{name} is missing"));
            STANDARD.decode(text).expect("base64")
        };
        assert!(
            bytes("manifest") == self.manifest,
            "the manifest is handed out as it was set"
        );
        assert_eq!(data["manifestFingerprint"], sha256(&self.manifest).to_string());
        let key = root.verifying_key().expect("a key");
        key.verify_p384_sha256(&self.manifest, &bytes("manifestSignatureRootECDSA"))
            .expect("the key of the REST port signed the manifest");
        let (answer, _) = self
            .coordinator
            .ask(None, "GET", "/api/v2/quote", Vec::new())
            .await;
        let chain = answer.json()["data"]["cert"]
            .as_str()
            .map(Certificate::parse_pem_chain);
        let chain = chain.expect("a chain").expect("certificates");
        assert!(chain[1] == root, "the REST port presents the root");
    }

    fn done(self) {
        assert!(
            self.wrong.is_empty(),
            "{} differ:\n{}",
            self.wrong.len(),
            self.wrong.join("\n")
        );
    }
}

/// The captured manifest, with users whose keys are at hand.
fn manifest(admin: &User, other: &User) -> Vec<u8> {
    let answer = body("33-manifest-v2.txt");
    let raw = answer["data"]["manifest"].as_str().expect("a manifest");
    let raw = STANDARD.decode(raw).expect("base64");
    let mut manifest: Value = serde_json::from_slice(&raw).expect("a manifest is JSON");
    for (name, user) in [("admin", admin), ("other", other)] {
        manifest["Users"][name]["Certificate"] = json!(user.certificate);
    }
    manifest.to_string().into_bytes()
}

/// Whether our answer is theirs, or differs as is listed. A listed difference that is gone is an error as well.
fn compare(file: &str, theirs: &Answer, ours: &Answer) -> Result<(), String> {
    let listed = DIFFERENCES.iter().find(|(of, ..)| *of == file);
    let mut expected = theirs.clone();
    let mut other_value = None;
    match listed {
        None => {}
        Some((_, Ours::Message(message), _)) => {
            let body = theirs.json();
            let sentence = body["message"].as_str().expect("an error says why");
            expected.body = theirs.body.replacen(sentence, message, 1);
        }
        Some((_, Ours::Value(pointer, value), _)) => other_value = Some((*pointer, *value)),
        Some((_, Ours::Error(status, message), _)) => {
            expected = Answer {
                status: *status,
                content_type: "text/plain; charset=utf-8".to_owned(),
                sniffing: Some("nosniff".to_owned()),
                body: format!("{{\"status\":\"error\",\"data\":null,\"message\":\"{message}\"}}\n"),
            };
        }
    }
    let found = describe(file, ours)?;
    let (mut expected, theirs) = (describe(file, &expected)?, describe(file, theirs)?);
    if let Some((pointer, value)) = other_value {
        let value = serde_json::from_str(value).expect("a listed value is JSON");
        *expected
            .1
            .pointer_mut(pointer)
            .expect("a listed place is a varying one") = value;
    }
    if found != expected {
        let expected = if listed.is_some() { "listed" } else { "theirs" };
        return Err(format!(
            "is not as {expected}\n  theirs {theirs:?}\n  ours   {found:?}"
        ));
    }
    if listed.is_some() && found == theirs {
        return Err("does not differ any more: it has no place in the list".to_owned());
    }
    Ok(())
}

/// An answer whose varying values are replaced by what can be said of them; to the byte where there are none.
fn describe(file: &str, answer: &Answer) -> Result<(Answer, Value), String> {
    let mut varying = VARYING.iter().filter(|(of, ..)| *of == file).peekable();
    if varying.peek().is_none() {
        return Ok((answer.clone(), Value::Null));
    }
    let mut json = answer.json();
    for (_, pointer, kind) in varying {
        let value = json
            .pointer_mut(pointer)
            .ok_or_else(|| format!("lacks {pointer}: {answer:?}"))?;
        *value = kind.describe(value);
    }
    let newlines = &answer.body[answer.body.trim_end_matches('\n').len()..];
    let answer = Answer {
        body: newlines.to_owned(),
        ..answer.clone()
    };
    Ok((answer, json))
}

#[test]
fn an_answer_that_differs_is_found() {
    let good = Answer {
        status: 200,
        content_type: "application/json".to_owned(),
        sniffing: None,
        body: "{\"status\":\"success\",\"data\":{\"algorithm\":\"RSA\",\"key\":\"AAAA\"}}\n".to_owned(),
    };
    let with = |change: fn(&mut Answer)| {
        let mut answer = good.clone();
        change(&mut answer);
        answer
    };
    assert_eq!(compare("any.txt", &good, &good), Ok(()));
    for (what, wrong) in [
        ("status", with(|answer| answer.status = 201)),
        ("content type", with(|answer| answer.content_type.clear())),
        (
            "sniffing",
            with(|answer| answer.sniffing = Some("nosniff".to_owned())),
        ),
        ("newline", with(|answer| answer.body.push('\n'))),
        (
            "key",
            with(|answer| answer.body = answer.body.replace("key", "Key")),
        ),
        (
            "text",
            with(|answer| answer.body = answer.body.replace("RSA", "EC")),
        ),
    ] {
        assert!(compare("any.txt", &good, &wrong).is_err(), "{what}");
    }
}

#[test]
fn varying_values_are_compared_by_kind_and_the_rest_by_value() {
    let key = |body: &str| Answer {
        status: 200,
        content_type: "application/json".to_owned(),
        sniffing: None,
        body: body.to_owned() + "\n",
    };
    let file = "37-secret-get-v1.txt";
    let theirs = key(r#"{"data":{"symShared":{"Size":24,"Private":"AAAA","Public":"AAAA"}}}"#);
    let same = key(r#"{"data":{"symShared":{"Size":24,"Private":"BBBB","Public":"BBBB"}}}"#);
    assert_eq!(compare(file, &theirs, &same), Ok(()));
    for wrong in [
        r#"{"data":{"symShared":{"Size":25,"Private":"BBBB","Public":"BBBB"}}}"#,
        r#"{"data":{"symShared":{"Size":24,"Private":"BBBBBBBB","Public":"BBBB"}}}"#,
        r#"{"data":{"symShared":{"Size":24,"Private":"BBBB"}}}"#,
        r#"{"data":{"symShared":{"Size":24,"Private":"BBBB","Public":"BBBB"},"more":1}}"#,
    ] {
        assert!(compare(file, &theirs, &key(wrong)).is_err(), "{wrong}");
    }
}
