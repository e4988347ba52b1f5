//! What clients of TensorFlow Serving rely on without knowing it, as its REST interface has it.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::json;

use crate::support::{as_rows, digits, get, post, request, with_method};

const PREDICT: &str = "/v1/models/digits:predict";

fn body(images: usize) -> String {
    json!({"instances": vec![as_rows(&[0.5; 64]); images]}).to_string()
}

/// Probes ask for a model that does not exist, and wait for this word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quirk_01_the_answer_to_a_probe_names_a_servable() {
    let server = digits().await;
    let answer = post(
        server.addresses.rest_addr,
        "/v1/models/no_such_model:predict",
        body(1),
    )
    .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.error().contains("Servable"), "{}", answer.error());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quirk_04_answers_are_pretty_and_floats_have_a_point() {
    let server = digits().await;
    let rest = server.addresses.rest_addr;
    let columns = json!({"inputs": [as_rows(&[0.0; 64])]}).to_string();
    let answer = post(rest, PREDICT, columns).await;
    let scores = answer
        .text()
        .lines()
        .map(str::trim)
        .filter(|line| line.contains('.'));
    assert!(scores.count() >= 10, "{}", answer.text());
    assert!(
        answer.text().starts_with("{\n    \"outputs\": {\n        \""),
        "{}",
        answer.text()
    );
    for (path, body, status) in [
        (PREDICT, "{", 400),
        ("/v1/models/other:predict", "{\"instances\":[1]}", 404),
        // What is wrong with the body is said first.
        ("/v1/models/other:predict", "{", 400),
    ] {
        let answer = post(rest, path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {body}");
        assert!(
            answer.text().starts_with("{\n    \"error\": \""),
            "{}",
            answer.text()
        );
        assert!(answer.text().ends_with("\"\n}"), "{}", answer.text());
        assert_eq!(answer.headers["content-type"], "application/json");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quirk_05_unknown_labels_are_bad_requests_and_unknown_versions_are_not_found() {
    let server = digits().await;
    for (path, status, text) in [
        (
            "/v1/models/m:predict",
            404,
            "Servable not found for request: Latest(m)",
        ),
        (
            "/v1/models/digits/versions/7:predict",
            404,
            "Servable not found for request: Specific(digits, 7)",
        ),
        (
            "/v1/models/digits/labels/canary:predict",
            400,
            "Unrecognized servable version label: canary",
        ),
        (
            "/v1/models/m/labels/canary:predict",
            400,
            "Unrecognized servable version label: canary",
        ),
    ] {
        let answer = post(server.addresses.rest_addr, path, body(1)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().as_str()),
            (status, text),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quirk_06_a_missing_signature_has_a_text_for_each_verb() {
    let server = digits().await;
    let rest = server.addresses.rest_addr;
    let predict = post(rest, PREDICT, r#"{"signature_name":"s","instances":[1]}"#).await;
    assert_eq!(predict.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        predict.error(),
        "Serving signature name: \"s\" not found in signature def"
    );
    let examples = r#"{"signature_name":"s","examples":[{"x":1.0}]}"#;
    for path in ["/v1/models/digits:classify", "/v1/models/digits:regress"] {
        let answer = post(rest, path, examples).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.error(), "No signature was found with the name: s");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quirk_07_the_status_by_label_is_the_status_of_all_versions() {
    let server = digits().await;
    let rest = server.addresses.rest_addr;
    let by_label = get(rest, "/v1/models/digits/labels/anything").await;
    let all = get(rest, "/v1/models/digits").await;
    assert_eq!((by_label.status, by_label.body), (all.status, all.body));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quirk_14_packed_bodies_are_taken_and_preflights_answered() {
    let server = digits().await;
    let rest = server.addresses.rest_addr;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body(40).as_bytes()).expect("memory");
    let packed = Full::new(encoder.finish().expect("memory").into());
    let sent = Request::post(PREDICT)
        .header("content-encoding", "x-gzip, identity")
        .header("accept-encoding", "gzip")
        .body(packed);
    let answer = request(rest, sent.expect("a request")).await;
    assert_eq!(answer.status, StatusCode::OK);
    // The answer is packed as well, since the client asked; TensorFlow Serving never does that.
    assert_eq!(answer.headers["content-encoding"], "gzip");
    let mut text = String::new();
    GzDecoder::new(&*answer.body)
        .read_to_string(&mut text)
        .expect("gzip");
    assert_eq!(text, post(rest, PREDICT, body(40)).await.text());

    let preflight = |origin: &str| {
        let builder = Request::builder().method(Method::OPTIONS).uri("/v1/anything");
        builder
            .header("origin", origin)
            .body(Full::default())
            .expect("a request")
    };
    let answer = request(rest, preflight("http://page")).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    assert!(!answer.headers.contains_key("content-type"));
    let answer = request(rest, preflight("null")).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::BAD_REQUEST, 0));
    let head = with_method(rest, Method::DELETE, "/v1/models/digits").await;
    assert_eq!(head.error(), "Malformed request: DELETE /v1/models/digits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_outside_of_v1_is_a_page() {
    let server = digits().await;
    let answer = get(server.addresses.rest_addr, "/").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.headers["content-type"], "text/html");
    assert!(answer.text().contains("<H1>Not Found</H1>"), "{}", answer.text());
}
