//! Models larger than the memory at hand are encrypted, verified and decrypted all the same.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output};

use strongroom_e2e::process::program;

const MODEL_BYTES: u64 = 1 << 30;
/// Address space that each command gets, in KiB: less than the model alone would take.
const LIMIT_KIB: u64 = 900_000;

#[test]
fn a_model_larger_than_memory_goes_round() {
    const { assert!(LIMIT_KIB * 1024 < MODEL_BYTES) };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let model = File::create(at("model.bin")).unwrap();
    model.set_len(MODEL_BYTES).unwrap();

    limited(folder.path(), &["model", "key", "new", "key"]);
    let made = limited(
        folder.path(),
        &[
            "--json",
            "model",
            "encrypt",
            &at("model.bin"),
            &at("model.bundle"),
            "--key",
            "key",
        ],
    );
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let digest = made["digest"].as_str().unwrap();
    let checked = ["--key", "key", "--digest", digest];
    limited(
        folder.path(),
        &[&["model", "verify", &at("model.bundle")], &checked[..]].concat(),
    );
    limited(
        folder.path(),
        &[
            &["model", "decrypt", &at("model.bundle"), &at("back")],
            &checked[..],
        ]
        .concat(),
    );
    assert_eq!(
        std::fs::metadata(folder.path().join("back/model.bin"))
            .unwrap()
            .len(),
        MODEL_BYTES
    );
}

fn limited(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new("sh")
        .args(["-c", &format!("ulimit -v {LIMIT_KIB}; exec \"$0\" \"$@\"")])
        .arg(program("strongroom"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("a shell");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
