//! What a scraper reads after requests of both kinds.

use std::fs;

use strongroom_api::serving::{ModelSpec, PredictRequest};

use crate::grpc::request;
use crate::support::{Channel, Running, as_rows, get, held_back, plain_digits, post, start};

async fn scraped() -> (tempfile::TempDir, Running) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("monitoring.txt");
    fs::write(&file, "prometheus_config { enable: true, path: '/scrape' }").expect("write");
    let monitoring = format!("--monitoring_config_file={}", file.display());
    let server = start(&[plain_digits(), vec![monitoring]].concat()).await;
    (folder, server)
}

#[tokio::test]
async fn both_interfaces_are_counted_under_the_original_names() {
    let (_folder, server) = scraped().await;
    let (images, _) = held_back();
    let body = serde_json::json!({"instances": [as_rows(&images[0])]}).to_string();
    let rest = server.addresses.rest_addr;
    assert_eq!(post(rest, "/v1/models/digits:predict", body).await.status, 200);
    assert_eq!(post(rest, "/v1/models/digits:predict", "{").await.status, 400);
    assert_eq!(get(rest, "/v1/models/digits").await.status, 200);
    for name in ["one", "two", "three"] {
        assert_eq!(get(rest, &format!("/v1/models/{name}")).await.status, 404);
    }
    let mut client = Channel::to(server.addresses.grpc_addr).await.predictions();
    client.predict(request(&images[..1])).await.expect("an answer");
    let stranger = PredictRequest {
        model_spec: Some(ModelSpec {
            name: "four".to_owned(),
            ..ModelSpec::default()
        }),
        ..PredictRequest::default()
    };
    client.predict(stranger).await.expect_err("no such model");

    let answer = get(rest, "/scrape").await;
    assert!(
        answer.headers["content-type"]
            .as_bytes()
            .starts_with(b"text/plain")
    );
    let text = answer.text();
    let latency = ":tensorflow:serving:request_latency_count{model_name=\"digits\",API=";
    let runs = ":strongroom:inference:run_latency_count{model_name=\"digits\",version=\"1\",signature=\"serving_default\"} 2\n";
    for expected in [
        ":tensorflow:serving:request_count{model_name=\"digits\",status=\"OK\"} 3\n",
        ":tensorflow:serving:request_count{model_name=\"digits\",status=\"INVALID_ARGUMENT\"} 1\n",
        ":tensorflow:serving:request_count{model_name=\"unknown\",status=\"NOT_FOUND\"} 4\n",
        &format!("{latency}\"predict\",entrypoint=\"REST\"}} 1\n"),
        &format!("{latency}\"\",entrypoint=\"REST\"}} 1\n"),
        &format!("{latency}\"Predict\",entrypoint=\"GRPC\"}} 1\n"),
        runs,
        "process_start_time_seconds{} 1790000000\n",
        "# TYPE :tensorflow:serving:runtime_latency histogram\n",
    ] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
    for name in ["one", "two", "three", "four"] {
        assert!(!text.contains(name), "{name} is a label");
    }
    assert!(!text.contains("# HELP"));
    assert_eq!(get(rest, "/monitoring/prometheus/metrics").await.status, 404);
}
