//! The shapes of MarbleRun's two versions: status, content type, body to the byte.

use crate::fixture::{Answer, Deployed, base64, deployed, start, unbase64};
use crate::platform::Machine;
use serde_json::json;
use strongroom_crypto::digest::sha256;
use strongroom_crypto::x509::Certificate;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

#[track_caller]
fn assert_is(answer: &Answer, status: u16, content_type: &str, text: &str) {
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.content_type.as_str(),
            answer.text.as_str()
        ),
        (status, content_type, text)
    );
}

#[tokio::test]
async fn before_a_manifest_is_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = start(&Machine::new(1), folder.path()).await;
    let wrong_state =
        "{\"status\":\"error\",\"data\":null,\"message\":\"server is not in expected state\"}\n";
    let no_user = "\"data\":null,\"message\":\"unauthorized user: client certificate did not match any MarbleRun users\"}\n";
    let cases = [
        (
            "GET",
            "/status",
            "",
            200,
            JSON,
            "{\"status\":\"success\",\"data\":{\"StatusCode\":2,\"StatusMessage\":\"Coordinator is ready to accept a manifest.\"}}\n",
        ),
        (
            "GET",
            "/api/v2/status",
            "",
            200,
            JSON,
            "{\"status\":\"success\",\"data\":{\"code\":2,\"message\":\"Coordinator is ready to accept a manifest.\"}}\n",
        ),
        (
            "GET",
            "/api/v2/quote?nonce=%21%21",
            "",
            400,
            JSON,
            "{\"status\":\"fail\",\"data\":null,\"message\":\"invalid query: bad nonce format: illegal base64 data at input byte 0\"}\n",
        ),
        (
            "GET",
            "/manifest",
            "",
            200,
            JSON,
            "{\"status\":\"success\",\"data\":{\"ManifestSignatureRootECDSA\":null,\"ManifestSignature\":\"\",\"Manifest\":null}}\n",
        ),
        (
            "GET",
            "/api/v2/manifest",
            "",
            500,
            TEXT,
            "{\"status\":\"error\",\"data\":null,\"message\":\"requested value not set\"}\n",
        ),
        (
            "GET",
            "/foo",
            "",
            405,
            TEXT,
            "{\"status\":\"error\",\"data\":null}\n",
        ),
        (
            "POST",
            "/api/v2/status",
            "",
            405,
            TEXT,
            "{\"status\":\"error\",\"data\":null}\n",
        ),
        (
            "PUT",
            "/api/v2/manifest",
            "",
            405,
            TEXT,
            "{\"status\":\"error\",\"data\":null}\n",
        ),
        (
            "GET",
            "/api/v2/recover",
            "",
            405,
            TEXT,
            "{\"status\":\"error\",\"data\":null}\n",
        ),
        (
            "POST",
            "/recover",
            "x",
            410,
            TEXT,
            "{\"status\":\"error\",\"data\":null,\"message\":\"Recovering the Coordinator using the /recover API endpoint has been disabled. Use the /api/v2/recover endpoint instead.\"}\n",
        ),
        (
            "POST",
            "/api/v2/recover",
            "{\"recoverySecret\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}",
            500,
            TEXT,
            wrong_state,
        ),
        (
            "POST",
            "/api/v2/recover",
            "x",
            400,
            JSON,
            "{\"status\":\"fail\",\"data\":null,\"message\":\"invalid character 'x' looking for beginning of value\"}\n",
        ),
        ("GET", "/api/v2/recover/public-key", "", 500, TEXT, wrong_state),
        ("GET", "/api/v2/update", "", 500, TEXT, wrong_state),
        (
            "GET",
            "/api/v2/secrets?s=a",
            "",
            401,
            JSON,
            &format!("{{\"status\":\"fail\",{no_user}"),
        ),
        (
            "GET",
            "/secrets?s=a",
            "",
            401,
            TEXT,
            &format!("{{\"status\":\"error\",{no_user}"),
        ),
        (
            "POST",
            "/api/v2/update",
            "{}",
            401,
            JSON,
            &format!("{{\"status\":\"fail\",{no_user}"),
        ),
        (
            "POST",
            "/api/v2/sign-quote",
            "{}",
            403,
            TEXT,
            "{\"status\":\"error\",\"data\":null,\"message\":\"SignQuoteEndpoint feature is not enabled in the manifest\"}\n",
        ),
        (
            "POST",
            "/api/v2/monotonic-counter",
            "{}",
            403,
            TEXT,
            "{\"status\":\"error\",\"data\":null,\"message\":\"MonotonicCounter feature is not enabled in the manifest\"}\n",
        ),
        (
            "GET",
            "/api/v2/update-manifest",
            "",
            404,
            TEXT,
            "{\"status\":\"error\",\"data\":null,\"message\":\"no update in progress\"}\n",
        ),
        (
            "POST",
            "/api/v2/update-cancel",
            "",
            401,
            JSON,
            &format!("{{\"status\":\"fail\",{no_user}"),
        ),
    ];
    for (method, path, body, status, content_type, text) in cases {
        let answer = running.ask(None, method, path, body).await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.content_type.as_str(),
                answer.text.as_str()
            ),
            (status, content_type, text),
            "{method} {path}"
        );
    }
    let head = running.ask(None, "HEAD", "/api/v2/status", "").await;
    assert_eq!(head.status.as_u16(), 405);
    for (path, status, body) in [
        ("/manifest", 400, "{}".to_owned()),
        (
            "/api/v2/manifest",
            500,
            json!({"manifest": base64(b"{}")}).to_string(),
        ),
    ] {
        let answer = running.ask(None, "POST", path, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.content_type.as_str()),
            (status, TEXT)
        );
        assert!(
            answer.json()["message"]
                .as_str()
                .expect("text")
                .starts_with("checking manifest: "),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn with_a_manifest() {
    let Deployed {
        running,
        owner,
        other,
        digest,
        folder: _folder,
        ..
    } = deployed().await;
    let ask = async |who, method: &str, path: &str, body: String| running.ask(who, method, path, body).await;
    let (owner, other) = (Some(&owner), Some(&other));
    let none = String::new;

    let answer = ask(None, "GET", "/api/v2/status", none()).await;
    assert_is(
        &answer,
        200,
        JSON,
        "{\"status\":\"success\",\"data\":{\"code\":3,\"message\":\"Coordinator is running correctly and ready to accept marbles.\"}}\n",
    );
    let again = json!({"manifest": base64(b"{}")}).to_string();
    let wrong_state =
        "{\"status\":\"error\",\"data\":null,\"message\":\"server is not in expected state\"}\n";
    assert_is(
        &ask(None, "POST", "/api/v2/manifest", again).await,
        500,
        TEXT,
        wrong_state,
    );
    assert_is(
        &ask(None, "POST", "/manifest", "{}".into()).await,
        400,
        TEXT,
        wrong_state,
    );

    let answer = ask(None, "GET", "/api/v2/manifest", none()).await.json();
    let raw = unbase64(answer["data"]["manifest"].as_str().expect("bytes"));
    assert_eq!(answer["data"]["manifestFingerprint"], digest.to_string());
    assert_eq!(sha256(&raw), digest);
    let signature = unbase64(
        answer["data"]["manifestSignatureRootECDSA"]
            .as_str()
            .expect("bytes"),
    );
    let quote = ask(None, "GET", "/api/v2/quote", none()).await.json();
    let chain = Certificate::parse_pem_chain(quote["data"]["cert"].as_str().expect("PEM")).expect("a chain");
    assert_eq!(
        chain[0].subject_cn(),
        Some("MarbleRun Coordinator - Intermediate CA")
    );
    assert_eq!(chain[1].subject_cn(), Some("MarbleRun Coordinator"));
    let root = chain[1].verifying_key().expect("a key");
    assert_eq!(root.verify_p384_sha256(&raw, &signature), Ok(()));

    let write = json!({"secrets": {"note": {"Key": base64(b"hello")}}}).to_string();
    assert_is(
        &ask(owner, "POST", "/api/v2/secrets", write.clone()).await,
        200,
        JSON,
        "{\"status\":\"success\",\"data\":null}\n",
    );
    let v1 = json!({"note": {"Key": base64(b"hello")}}).to_string();
    assert_is(
        &ask(owner, "POST", "/secrets", v1).await,
        200,
        JSON,
        "{\"status\":\"success\",\"data\":null}\n",
    );
    let cases = [
        (
            other,
            "POST",
            "/api/v2/secrets",
            write,
            500,
            TEXT,
            "error",
            "user other is not allowed to update secret: note",
        ),
        (
            owner,
            "POST",
            "/api/v2/secrets",
            json!({"secrets": {"shared": {"Key": base64(&[1; 32])}}}).to_string(),
            500,
            TEXT,
            "error",
            "parsing new secrets: secret shared is not writeable",
        ),
        (
            owner,
            "POST",
            "/api/v2/secrets",
            "{\"secrets\":{}}".to_owned(),
            500,
            TEXT,
            "error",
            "parsing new secrets: no new secrets defined",
        ),
        (
            owner,
            "GET",
            "/api/v2/secrets",
            none(),
            400,
            JSON,
            "fail",
            "invalid query: endpoint requires at least one query parameter",
        ),
        (
            owner,
            "GET",
            "/api/v2/secrets?s=",
            none(),
            400,
            JSON,
            "fail",
            "malformed query string: empty query parameter",
        ),
        (
            other,
            "GET",
            "/api/v2/secrets?s=note",
            none(),
            500,
            TEXT,
            "error",
            "user other is not allowed to read one or more secrets of: [note]",
        ),
        (
            owner,
            "GET",
            "/api/v2/secrets?s=nope",
            none(),
            500,
            TEXT,
            "error",
            "user owner is not allowed to read one or more secrets of: [nope]",
        ),
        (
            other,
            "GET",
            "/secrets?s=note",
            none(),
            400,
            TEXT,
            "error",
            "user other is not allowed to read one or more secrets of: [note]",
        ),
    ];
    for (who, method, path, body, status, content_type, kind, message) in cases {
        let text = format!("{{\"status\":\"{kind}\",\"data\":null,\"message\":\"{message}\"}}\n");
        assert_is(&ask(who, method, path, body).await, status, content_type, &text);
    }
    let answer = ask(other, "GET", "/secrets?s=shared", none()).await.json();
    assert_eq!(answer["data"]["shared"]["Type"], "symmetric-key");
    assert_eq!(answer["data"]["shared"]["Size"], 256);
    assert_eq!(
        answer["data"]["shared"]["Private"],
        answer["data"]["shared"]["Public"]
    );

    let log = ask(None, "GET", "/api/v2/update", none()).await.json();
    let lines = log["data"]["updateLog"].as_array().expect("lines");
    let line = "{\"time\":\"2026-09-21T14:13:20.000Z\",\"update\":\"Secret set\",\"user\":\"owner\",\"secret\":\"note\",\"type\":\"plain\"}";
    assert_eq!(lines[1], line);
    assert_eq!(lines.len(), 3);
    let v1 = ask(None, "GET", "/update", none()).await.json();
    assert!(v1["data"].as_str().expect("text").ends_with(&format!("{line}\n")));
    let later = ask(owner, "POST", "/api/v2/update", "{}".into()).await;
    assert_eq!((later.status.as_u16(), later.content_type.as_str()), (500, TEXT));
    assert!(
        later
            .text
            .contains("updating the manifest comes with a later version")
    );
}
