//! The demo, from end to end, and what may be seen of its secrets afterwards.

use std::process::Command;

use strongroom_e2e::demo::{CALLERS_CREDENTIAL, KeptDemo, files_below, strongroom};

#[test]
fn seven_steps_and_five_refusals() {
    let played = strongroom(&["demo"]);
    let output = String::from_utf8_lossy(&played.stdout);
    let last = output.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("demo: 7/7 steps, 5/5 attacks refused, accuracy 9"),
        "{output}"
    );
    assert!(played.status.success());
}

#[test]
#[ignore = "needs swtpm"]
fn seven_steps_and_six_refusals_on_machines_with_a_tpm() {
    let played = strongroom(&["demo", "--tee", "tpm"]);
    let output = String::from_utf8_lossy(&played.stdout);
    let last = output.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("demo: 7/7 steps, 6/6 attacks refused, accuracy 9"),
        "{output}"
    );
    assert!(played.status.success());
    // In words, wherever a verdict is shown; and what was measured is named.
    assert!(
        output.contains("protection: INTEGRITY ONLY: the host can read its memory"),
        "{output}"
    );
    assert!(!output.contains("SIMULATED"), "{output}");
    let register = "strongroom_coordinator: evidence.event_log";
    let refusal = output
        .lines()
        .find(|line| line.contains(register))
        .unwrap_or_default();
    assert!(
        refusal.contains("PCR 4") && refusal.contains("holds"),
        "{refusal}"
    );
}

#[test]
fn a_demo_on_tpms_says_what_it_needs() {
    let played = std::process::Command::new(strongroom_e2e::process::program("strongroom"))
        .args(["demo", "--tee", "tpm"])
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&played.stdout);
    let last = output.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("demo: failed: swtpm is not installed"),
        "{output}"
    );
    assert!(last.contains("apt-get install swtpm swtpm-tools"), "{output}");
    assert!(!played.status.success());
}

#[test]
fn a_failing_demo_says_so_in_its_last_line() {
    let folder = tempfile::tempdir().unwrap();
    let played = strongroom(&["demo", "--dir", &folder.path().display().to_string()]);
    let output = String::from_utf8_lossy(&played.stdout);
    assert!(
        output
            .lines()
            .last()
            .unwrap_or_default()
            .starts_with("demo: failed: "),
        "{output}"
    );
    assert!(!played.status.success());
}

/// Nothing that the cloud can look at holds the model key or the model: no log, no argument list, no environment, no
/// file but the owner's own.
#[test]
fn secrets_stay_where_they_belong() {
    let demo = KeptDemo::play();
    let owner = demo.folder().join("owner");
    let key = std::fs::read(owner.join("model.key")).unwrap();
    let model = std::fs::read(owner.join("digits/model.onnx")).unwrap();
    // The file holds the key in one form; leaks may have it in any.
    let raw = key_bytes(&key);
    let canaries: Vec<(&str, Vec<u8>)> = vec![
        ("the model key", raw.clone()),
        ("the model key in hexadecimal", hex::encode(&raw).into_bytes()),
        (
            "the model key in HEXADECIMAL",
            hex::encode_upper(&raw).into_bytes(),
        ),
        (
            "the model key in base64",
            base64_of(&raw).trim_end_matches('=').as_bytes().to_vec(),
        ),
        (
            "the caller's store credential",
            CALLERS_CREDENTIAL.as_bytes().to_vec(),
        ),
        (
            "the model's weights",
            model[model.len() / 2..model.len() / 2 + 48].to_vec(),
        ),
    ];
    // The search itself must be able to find something.
    assert!(
        canaries.iter().any(|(_, canary)| contains(&key, canary)),
        "the owner's key file holds the key"
    );

    let mut looked_at = 0;
    for file in files_below(&demo.folder())
        .into_iter()
        .filter(|file| !file.starts_with(&owner))
    {
        search(
            &file.display().to_string(),
            &std::fs::read(&file).unwrap(),
            &canaries,
        );
        looked_at += 1;
    }
    assert!(looked_at > 10, "only {looked_at} files looked at");
    search("the demo's output", demo.output().as_bytes(), &canaries);

    let running = demo.running();
    assert_eq!(running.len(), 3, "simulator, coordinator, launcher");
    let all: Vec<_> = running
        .iter()
        .flat_map(|&id| [id].into_iter().chain(children_of(id)))
        .collect();
    assert!(all.len() > running.len(), "the launcher has a child");
    for id in all {
        for what in ["cmdline", "environ"] {
            let path = format!("/proc/{id}/{what}");
            search(&path, &std::fs::read(&path).unwrap(), &canaries);
        }
    }
}

#[test]
#[ignore = "needs curl"]
fn the_curl_line_that_the_demo_prints_works() {
    let demo = KeptDemo::play();
    let line = demo.printed_command("curl ");
    let answer = Command::new("sh")
        .args(["-c", &format!("{line} --silent --fail")])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&answer.stdout);
    assert!(
        answer.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&answer.stderr)
    );
    assert!(text.contains("\"predictions\""), "{text}");
}

#[test]
#[ignore = "needs tensorflow-serving-api (STRONGROOM_CI_VENV)"]
fn official_tensorflow_serving_stubs_can_predict() {
    let venv = std::env::var("STRONGROOM_CI_VENV").expect("STRONGROOM_CI_VENV names the venv of .ci/install");
    let demo = KeptDemo::play();
    let user = demo.folder().join("user");
    let held_back = std::fs::read_to_string(user.join("held-back.json")).unwrap();
    let count = serde_json::from_str::<serde_json::Value>(&held_back).unwrap()["instances"]
        .as_array()
        .unwrap()
        .len();
    let grpc = demo
        .output()
        .lines()
        .map(str::trim)
        .find_map(|line| line.strip_prefix("gRPC"))
        .unwrap();
    let endpoint = grpc.split_whitespace().next().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tensorflow_serving_client.py");
    let answer = Command::new(format!("{venv}/bin/python"))
        .arg(script)
        .args([
            endpoint,
            &user.join("ca.pem").display().to_string(),
            &user.join("held-back.json").display().to_string(),
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&answer.stdout);
    assert!(
        answer.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    assert!(text.contains(&format!("predicted {count} digits")), "{text}");
}

fn search(place: &str, bytes: &[u8], canaries: &[(&str, Vec<u8>)]) {
    for (name, canary) in canaries {
        assert!(!contains(bytes, canary), "{place} holds {name}");
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// A key file holds 32 raw bytes.
fn key_bytes(file: &[u8]) -> Vec<u8> {
    assert_eq!(file.len(), 32, "a key file holds 32 raw bytes");
    file.to_vec()
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn children_of(parent: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).expect("a running process");
    tasks
        .flat_map(|task| {
            let children = task.expect("a task").path().join("children");
            let text = std::fs::read_to_string(children).unwrap_or_default();
            text.split_whitespace()
                .map(|id| id.parse().expect("an id"))
                .collect::<Vec<u32>>()
        })
        .collect()
}
