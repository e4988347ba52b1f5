//! The official client, every call of both services, every golden answer.

use std::process::Command;

use super::rest::{base_path, golden};
use super::server::Server;

const MODELS: [&str; 8] = [
    "matrix_half_plus_two/1",
    "saved_model_counter/00000123",
    "saved_model_half_plus_three/00000123",
    "saved_model_half_plus_two_2_versions/00000123",
    "saved_model_half_plus_two_2_versions/00000124",
    "saved_model_half_plus_two_cpu/00000123",
    "saved_model_half_plus_two_mlmd/00000123",
    "saved_model_half_plus_two_tf2_cpu/00000123",
];

#[test]
#[ignore = "needs STRONGROOM_VECTORS and tensorflow-cpu, tensorflow-serving-api (STRONGROOM_CI_VENV)"]
fn official_stubs_get_the_golden_answers() {
    let venv = std::env::var("STRONGROOM_CI_VENV").expect("STRONGROOM_CI_VENV names the venv of .ci/install");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tensorflow_serving/stubs.py");
    for model in MODELS {
        let folder = base_path(model);
        let server = Server::serving("m", folder.path(), &[]);
        let (name, version) = model.split_once('/').expect("a folder and a version");
        let answers = folder.path().join("golden.json");
        let text = serde_json::to_vec(&golden(model)).expect("JSON");
        std::fs::write(&answers, text).expect("write");
        let output = Command::new(format!("{venv}/bin/python"))
            .arg(script)
            .args([server.grpc(), name, version])
            .arg(&answers)
            .output()
            .expect("python runs");
        assert!(
            output.status.success(),
            "{model}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
