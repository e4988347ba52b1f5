//! Configuration files of TensorFlow Serving's own tests.

use std::fs;

use super::FAMILY;
use super::onnx::FLOAT;
use super::server::Server;

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn a_monitoring_file_switches_metrics_on() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("monitoring_config.txt");
    fs::write(&file, FAMILY.read("monitoring_config.txt")).expect("write");
    let flag = format!("--monitoring_config_file={}", file.display());
    let with = Server::start_with(&[("x", FLOAT)], &[flag]);
    let (status, body) = with.get("/monitoring/prometheus/metrics");
    assert_eq!(status, 200);
    assert!(body.contains("# TYPE :tensorflow:serving:request_count counter\n"));
    let without = Server::start(&[("x", FLOAT)]);
    assert_eq!(without.get("/monitoring/prometheus/metrics").0, 404);
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn batching_parameters_are_read_and_checked() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("batching_config.txt");
    let flags = [
        "--enable_batching",
        &format!("--batching_parameters_file={}", file.display()),
    ];
    let text = FAMILY.text("batching_config.txt");
    fs::write(&file, &text).expect("write");
    let server = Server::start_with(&[("x", FLOAT)], &flags.map(str::to_owned));
    assert_eq!(server.predict(r#"{"instances":[2.5]}"#).0, 200);
    // The same file with one word changed.
    let spoilt = text.replace("max_enqueued_batches", "max_enqueued_batch");
    assert_ne!(spoilt, text);
    fs::write(&file, spoilt).expect("write");
    let refused = Server::refusing(folder.path(), &flags);
    assert_eq!(refused.status.code(), Some(255));
    let stdout = String::from_utf8_lossy(&refused.stdout);
    let place = "Error parsing text-format tensorflow.serving.BatchingParameters: 3:1: ";
    assert!(stdout.contains(place), "{stdout}");
}
