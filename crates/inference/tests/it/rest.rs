//! REST, as TensorFlow Serving's clients use it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{
    self, as_rows, digits, get, held_back, json as model_json, plain_digits, post, request, start,
    with_method,
};

const PREDICT: &str = "/v1/models/digits:predict";

fn body_of(images: &[Vec<f32>]) -> String {
    json!({"instances": images.iter().map(|image| as_rows(image)).collect::<Vec<_>>()}).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn predicts_the_held_back_images_as_well_as_the_model_was_measured() {
    let server = digits().await;
    let (images, labels) = held_back();
    let mut correct = 0;
    for (images, labels) in images.chunks(50).zip(labels.chunks(50)) {
        let answer = post(server.addresses.rest_addr, PREDICT, body_of(images)).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers["content-type"], "application/json");
        let rows = answer.json()["predictions"].clone();
        for (row, label) in rows.as_array().expect("rows").iter().zip(labels) {
            correct += i64::from(row["digit"].as_i64() == Some(*label));
        }
    }
    let metrics = model_json("metrics.json");
    assert_eq!(json!(labels.len()), metrics["held_back"]);
    assert_eq!(json!(correct), metrics["correct"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_and_columns_are_laid_out_as_the_original_does() {
    let server = digits().await;
    let image = as_rows(&vec![0.0; 64]);
    let rows = post(
        server.addresses.rest_addr,
        PREDICT,
        json!({"instances": [image]}).to_string(),
    )
    .await;
    let text = rows.text();
    assert!(
        text.starts_with("{\n    \"predictions\": [\n        {\n            \"digit\": "),
        "{text}"
    );
    assert!(text.ends_with("]\n        }\n    ]\n}"), "{text}");
    let columns = post(
        server.addresses.rest_addr,
        PREDICT,
        json!({"inputs": {"image": [image]}}).to_string(),
    )
    .await;
    let text = columns.text();
    assert!(
        text.starts_with("{\n    \"outputs\": {\n        \"digit\": [\n            "),
        "{text}"
    );
    let plain = post(
        server.addresses.rest_addr,
        PREDICT,
        json!({"inputs": [image]}).to_string(),
    )
    .await;
    assert_eq!(plain.body, columns.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_and_metadata_describe_the_model() {
    let server = digits().await;
    let rest = server.addresses.rest_addr;
    for path in [
        "/v1/models/digits",
        "/v1/models/digits/versions/1",
        "/v1/models/digits/labels/any",
    ] {
        let status = get(rest, path).await.json();
        let version = &status["model_version_status"][0];
        assert_eq!(
            (&version["version"], &version["state"]),
            (&json!("1"), &json!("AVAILABLE")),
            "{path}"
        );
        assert_eq!(
            version["status"],
            json!({"error_code": "OK", "error_message": ""})
        );
    }
    let metadata = get(rest, "/v1/models/digits/metadata").await.json();
    assert_eq!(
        metadata["model_spec"],
        json!({"name": "digits", "signature_name": "", "version": "1"})
    );
    let signature = &metadata["metadata"]["signature_def"]["signature_def"]["serving_default"];
    assert_eq!(signature["method_name"], "tensorflow/serving/predict");
    assert_eq!(
        signature["inputs"]["image"]["tensor_shape"]["dim"][0]["size"],
        "-1"
    );
    assert_eq!(signature["outputs"]["digit"]["dtype"], "DT_INT64");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refuses_with_the_original_codes_and_texts() {
    let server = digits().await;
    let rest = server.addresses.rest_addr;
    let good = body_of(&[vec![0.0; 64]]);
    for (path, body, status, text) in [
        (
            "/v1/models/m:predict",
            good.as_str(),
            404,
            "Servable not found for request: Latest(m)",
        ),
        (
            "/v1/models/digits/versions/9:predict",
            &good,
            404,
            "Servable not found for request: Specific(digits, 9)",
        ),
        (
            "/v1/models/digits/labels/x:predict",
            &good,
            400,
            "Unrecognized servable version label: x",
        ),
        (
            "/v1/models/m:predict",
            "x",
            400,
            "JSON Parse error: Invalid value. at offset: 0",
        ),
        (
            PREDICT,
            "",
            400,
            "JSON Parse error: The document is empty. at offset: 0",
        ),
        (PREDICT, "{}", 400, "Missing 'inputs' or 'instances' key"),
        (
            PREDICT,
            r#"{"signature_name":"s","instances":[1]}"#,
            400,
            "Serving signature name: \"s\" not found in signature def",
        ),
        (
            PREDICT,
            r#"{"instances":[1]}"#,
            400,
            "Invalid rank for input: image Got: 1 Expected: 4",
        ),
        (
            "/v1/models/digits:classify",
            "{}",
            400,
            "JSON Value: {} When method is classify, key 'examples' is expected and was not found",
        ),
        (
            "/v1/models/digits:regress",
            r#"{"examples":[{"x":1.0}]}"#,
            400,
            "Expected one output Tensor.",
        ),
        (
            "/v1/models/m:regress",
            r#"{"examples":[{"x":1.0}]}"#,
            404,
            "Servable not found for request: Latest(m)",
        ),
        (
            "/v1/models/digits",
            "{}",
            400,
            "Malformed request: POST /v1/models/digits",
        ),
    ] {
        let answer = post(rest, path, body.to_owned()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().as_str()),
            (status, text),
            "{path} {body}"
        );
    }
    for (path, status, text) in [
        ("/v1/models", 400, "Missing model name in request."),
        ("/v1/models/m", 404, "Could not find any versions of model m"),
        (
            "/v1/models/digits/versions/7",
            404,
            "Could not find version 7 of model digits",
        ),
        (
            "/v1/models/m/metadata",
            404,
            "Servable not found for request: Latest(m)",
        ),
    ] {
        let answer = get(rest, path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().as_str()),
            (status, text),
            "{path}"
        );
    }
    let put = with_method(rest, Method::PUT, "/v1/models/digits").await;
    assert_eq!(
        (put.status.as_u16(), put.error().as_str()),
        (400, "Malformed request: PUT /v1/models/digits")
    );
    assert_eq!(get(rest, "/elsewhere").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_the_limit_is_refused_also_when_it_is_packed() {
    let mut flags = plain_digits();
    flags.push("--rest_max_body_bytes=4096".to_owned());
    let server = start(&flags).await;
    let rest = server.addresses.rest_addr;
    let image = body_of(&[vec![0.0; 64]]);
    assert_eq!(post(rest, PREDICT, image.clone()).await.status, StatusCode::OK);
    assert_eq!(
        post(rest, PREDICT, vec![b' '; 4097]).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let packed = |text: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).expect("memory");
        let body = Full::new(encoder.finish().expect("memory").into());
        Request::post(PREDICT)
            .header("content-encoding", "gzip")
            .body(body)
            .expect("a request")
    };
    assert_eq!(
        request(rest, packed(image.as_bytes())).await.status,
        StatusCode::OK
    );
    let bomb = request(rest, packed(&vec![b' '; 1 << 20])).await;
    assert_eq!(
        bomb.error(),
        "JSON Parse error: The document is empty. at offset: 0"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_of_a_request_is_bounded() {
    let mut flags = plain_digits();
    flags.push("--max_tensor_bytes=65536".to_owned());
    let server = start(&flags).await;
    let rest = server.addresses.rest_addr;
    let good = post(rest, PREDICT, body_of(&[vec![0.0; 64]])).await;
    assert_eq!(good.status, StatusCode::OK);
    let lists = format!(r#"{{"x":[{}[0]]}}"#, "[0],".repeat(1 << 14));
    let answer = post(rest, PREDICT, lists).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.error().contains("131072 bytes"), "{}", answer.error());
    assert!(
        answer.error().contains("--max_tensor_bytes"),
        "{}",
        answer.error()
    );

    let mut config = support::config(&plain_digits());
    config.limits.bodies_bytes_max = 64 << 10;
    let server = support::serve(config).await.expect("a server");
    let rest = server.addresses.rest_addr;
    let good = post(rest, PREDICT, body_of(&[vec![0.0; 64]])).await;
    assert_eq!(good.status, StatusCode::OK);
    let answer = post(rest, PREDICT, vec![b' '; 80 << 10]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer.error().contains("at most 65536 bytes"),
        "{}",
        answer.error()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_origins_may_read_where_it_is_switched_on() {
    let preflight = |origin: Option<&str>| {
        let builder = Request::builder()
            .method(Method::OPTIONS)
            .uri("/v1/models/digits");
        let builder = origin
            .iter()
            .fold(builder, |builder, origin| builder.header("origin", *origin));
        builder.body(Full::default()).expect("a request")
    };
    let server = digits().await;
    let rest = server.addresses.rest_addr;
    assert_eq!(
        request(rest, preflight(Some("https://page"))).await.status,
        StatusCode::OK
    );
    assert_eq!(
        request(rest, preflight(None)).await.status,
        StatusCode::BAD_REQUEST
    );
    assert!(
        !get(rest, "/v1/models/digits")
            .await
            .headers
            .contains_key("access-control-allow-origin")
    );
    let mut flags = plain_digits();
    flags.push("--rest_api_enable_cors_support".to_owned());
    let server = start(&flags).await;
    let answer = get(server.addresses.rest_addr, "/v1/models/digits").await;
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_metrics_have_a_port_of_their_own() {
    let server = digits().await;
    let (rest, health) = (server.addresses.rest_addr, server.addresses.health_addr);
    post(rest, PREDICT, body_of(&[vec![0.0; 64]])).await;
    post(rest, "/v1/models/any-name:predict", "{").await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(health, path).await.status, StatusCode::OK, "{path}");
    }
    let metrics = get(health, "/monitoring/prometheus/metrics").await;
    for expected in [
        ":tensorflow:serving:request_count{model_name=\"digits\",status=\"OK\"} 1\n",
        ":tensorflow:serving:request_count{model_name=\"unknown\",status=\"INVALID_ARGUMENT\"} 1\n",
        "phase=\"model_loaded\"} ",
        "phase=\"first_prediction\"} ",
        "request_latency_count{model_name=\"digits\",API=\"predict\",entrypoint=\"REST\"} 1\n",
    ] {
        assert!(metrics.text().contains(expected), "{expected}");
    }
    assert_eq!(
        get(rest, "/monitoring/prometheus/metrics").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        get(health, "/v1/models/digits").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_answers_what_is_in_flight_and_ends() {
    let mut server = digits().await;
    let body = body_of(&[vec![0.0; 64]]);
    let mut stream = TcpStream::connect(server.addresses.rest_addr.expect("an address"))
        .await
        .expect("a connection");
    let length = body.len();
    let head = format!(
        "POST {PREDICT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("write");
    // The server asks for the body: the request is in flight.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.expect("read");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.shutdown.trigger();
    stream.write_all(body.as_bytes()).await.expect("write");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("read");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!((&mut server.serving).await.expect("joined"));
}
