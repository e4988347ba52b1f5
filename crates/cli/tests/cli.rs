//! The built program: help of every verb, a model's round trip on local files, errors with codes and exit codes.
#![expect(clippy::unwrap_used, reason = "a fixture that breaks fails its test")]

mod common;

use common::{folder, strongroom};

#[test]
fn every_verb_has_help() {
    let folder = folder();
    let verbs = [
        "attest doctor",
        "attest verify",
        "attest explain",
        "model",
        "model key new",
        "model key id",
        "model encrypt",
        "model inspect",
        "model verify",
        "model decrypt",
        "model rewrap",
        "model copy",
        "user new",
        "recovery-key new",
        "workload digest",
        "workload draft",
        "measure",
        "policy draft",
        "deployment verify",
        "manifest check",
        "manifest digest",
        "manifest set",
        "manifest get",
        "secret set",
        "secret status",
        "status",
        "recover",
        "log show",
        "log verify",
        "predict",
    ];
    for verb in verbs {
        let mut arguments: Vec<&str> = verb.split(' ').collect();
        arguments.push("--help");
        let ran = strongroom(folder.path(), &arguments);
        assert_eq!(ran.code(), 0, "{verb}: {}", ran.err());
        assert!(
            ran.out().contains(&format!("Usage: strongroom {verb}")),
            "{verb}: {}",
            ran.out()
        );
        assert!(ran.out().contains("--json"), "{verb}");
        assert!(!ran.out().contains('\u{1b}'), "{verb}: colours are for terminals");
    }
    let whole = strongroom(folder.path(), &["--help"]).out();
    assert!(whole.contains("Confidential AI inference"), "{whole}");
    assert!(whole.contains("Exit codes: 0 done, 1 failed"), "{whole}");
    assert!(
        strongroom(folder.path(), &["--version"])
            .out()
            .starts_with("strongroom ")
    );
}

#[test]
fn rewrapping_says_that_it_takes_nothing_back() {
    let help = strongroom(folder().path(), &["model", "rewrap", "--help"]).out();
    assert!(help.contains("Takes nothing back"), "{help}");
}

#[test]
fn a_model_goes_round_on_local_files() {
    let folder = folder();
    let at = folder.path();
    let run = |arguments: &[&str]| {
        let ran = strongroom(at, arguments);
        assert_eq!(ran.code(), 0, "{arguments:?}: {}", ran.err());
        ran
    };
    std::fs::create_dir(at.join("digits")).unwrap();
    std::fs::write(at.join("digits/model.onnx"), b"precious weights").unwrap();
    std::fs::write(at.join("reference.json"), br#"{"inputs": {}, "outputs": {}}"#).unwrap();

    let id = run(&["model", "key", "new", "model.key"]).out();
    assert!(id.starts_with("key id: "), "{id}");
    assert_eq!(std::fs::read(at.join("model.key")).unwrap().len(), 32);
    let encrypt = [
        "model",
        "encrypt",
        "digits",
        "digits.bundle",
        "--key",
        "model.key",
        "--reference",
        "reference.json",
    ];
    let text = run(&encrypt).out();
    let digest = text
        .lines()
        .find_map(|line| line.strip_prefix("digest: "))
        .expect("the digest has its own line");
    let stored = std::fs::read(at.join("digits.bundle")).unwrap();
    assert!(!stored.windows(16).any(|window| window == b"precious weights"));

    let seen = strongroom(at, &["model", "inspect", "digits.bundle", "--json"]).json();
    assert_eq!(seen["digest"], *digest);
    assert!(id.contains(seen["key_ids"][0].as_str().unwrap()));
    let open = ["--key", "model.key", "--digest", digest];
    let verified = strongroom(
        at,
        &[&["model", "verify", "digits.bundle", "--json"][..], &open].concat(),
    )
    .json();
    assert_eq!(verified["digest"], *digest);
    assert!(verified["files"].to_string().contains("model.onnx"));

    run(&[
        "model",
        "copy",
        "digits.bundle",
        &format!("file://{}", at.join("copy.bundle").display()),
    ]);
    assert_eq!(std::fs::read(at.join("copy.bundle")).unwrap(), stored);
    run(&["model", "key", "new", "new.key"]);
    run(&[
        "model",
        "rewrap",
        "copy.bundle",
        "--key",
        "model.key",
        "--new-key",
        "new.key",
    ]);
    run(&[
        "model",
        "decrypt",
        "copy.bundle",
        "out",
        "--key",
        "new.key",
        "--digest",
        digest,
    ]);
    assert_eq!(
        std::fs::read(at.join("out/model.onnx")).unwrap(),
        b"precious weights"
    );
}

#[test]
fn a_bundle_that_is_not_the_one_is_refused_with_code_and_exit_code() {
    let folder = folder();
    let at = folder.path();
    std::fs::write(at.join("model"), vec![7; 10_000]).unwrap();
    for arguments in [
        &["model", "key", "new", "model.key"][..],
        &["model", "key", "new", "other.key"],
        &["model", "encrypt", "model", "a.bundle", "--key", "model.key"],
    ] {
        assert_eq!(strongroom(at, arguments).code(), 0);
    }
    let made = strongroom(at, &["--json", "model", "inspect", "a.bundle"]).json();
    let digest = made["digest"].as_str().unwrap().to_owned();
    let verify = |bundle: &str, key: &str, digest: &str| {
        let ran = strongroom(
            at,
            &[
                "--json", "model", "verify", bundle, "--key", key, "--digest", digest,
            ],
        );
        (ran.error()["code"].as_str().unwrap().to_owned(), ran.code())
    };
    let refused = |code: &str, exit: i32| (code.to_owned(), exit);

    assert_eq!(
        verify("a.bundle", "model.key", &"0".repeat(64)),
        refused("bundle.digest_mismatch", 3)
    );
    assert_eq!(
        verify("a.bundle", "other.key", &digest),
        refused("bundle.wrong_key", 1)
    );
    assert_eq!(
        verify("gone.bundle", "model.key", &digest),
        refused("store.not_found", 1)
    );
    assert_eq!(
        verify("model", "model.key", &digest),
        refused("bundle.not_a_bundle", 1)
    );
    let mut bytes = std::fs::read(at.join("a.bundle")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(at.join("flipped.bundle"), bytes).unwrap();
    assert_eq!(
        verify("flipped.bundle", "model.key", &digest),
        refused("bundle.chunk_corrupt", 3)
    );
}

#[test]
fn errors_say_what_to_do() {
    let folder = folder();
    let at = folder.path();
    assert_eq!(strongroom(at, &["model", "key", "new", "model.key"]).code(), 0);
    let again = strongroom(at, &["model", "key", "new", "model.key"]);
    assert_eq!(again.code(), 1);
    assert_eq!(
        again.err(),
        "error[file.exists]: model.key is there already\n\
         hint: choose another name, or say --force to replace it\n"
    );
    assert!(again.out().is_empty());
    assert_eq!(
        strongroom(at, &["model", "key", "new", "model.key", "--force"]).code(),
        0
    );

    let error = strongroom(at, &["--json", "manifest", "check", "gone.json"]).error();
    assert_eq!(error["code"], "file.failed");
    assert!(error["message"].as_str().unwrap().contains("gone.json"));
}

#[test]
fn what_is_not_understood_has_exit_code_two() {
    let folder = folder();
    let ran = strongroom(folder.path(), &["model", "frobnicate"]);
    assert_eq!(ran.code(), 2);
    assert!(ran.err().contains("unrecognized subcommand"), "{}", ran.err());
    let ran = strongroom(folder.path(), &["--json", "model", "verify", "x"]);
    assert_eq!(ran.code(), 2);
    assert_eq!(ran.error()["code"], "input.invalid");
    let ran = strongroom(
        folder.path(),
        &["--json", "model", "verify", "x", "--key", "k", "--digest", "abc"],
    );
    assert!(
        ran.error()["message"]
            .as_str()
            .unwrap()
            .contains("64 hexadecimal digits"),
        "{}",
        ran.err()
    );
    // A secret is a file, never a word on the command line.
    let ran = strongroom(folder.path(), &["secret", "set", "digits-key", "localhost"]);
    assert_eq!(ran.code(), 2);
    assert!(ran.err().contains("NAME=FILE"), "{}", ran.err());
}

#[test]
fn nobody_there_has_an_exit_code_of_its_own() {
    let folder = folder();
    // A port that was free a moment ago, and that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let ran = strongroom(folder.path(), &["--json", "status", &format!("127.0.0.1:{port}")]);
    assert_eq!(
        (ran.code(), ran.error()["code"].as_str()),
        (4, Some("channel.unreachable"))
    );
    assert!(
        ran.error()["hint"]
            .as_str()
            .unwrap()
            .contains("check the address")
    );
}

#[test]
fn users_and_recovery_keys_are_files_with_the_right_modes() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let at = folder.path();
    let user = strongroom(at, &["--json", "user", "new", "owner", "--out", "people"]).json();
    assert_eq!(user["certificate"], "people/owner.pem");
    let mode = |file: &str| std::fs::metadata(at.join(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode("people/owner.pem"), mode("people/owner.key.pem")),
        (0o644, 0o600)
    );
    assert_eq!(
        strongroom(at, &["recovery-key", "new", "alice", "--out", "people"]).code(),
        0
    );
    assert_eq!(mode("people/alice.recovery.key.pem"), 0o600);
    let error = strongroom(at, &["--json", "user", "new", "../evil"]).error();
    assert_eq!(error["code"], "input.invalid");
}

#[test]
fn a_workload_is_measured_drafted_and_digested() {
    let folder = folder();
    let at = folder.path();
    let program = at.join("program");
    std::fs::write(&program, b"#!/bin/sh\n").unwrap();
    let program = program.display().to_string();
    let measured = strongroom(at, &["--json", "measure", &program]).json();
    assert_eq!(measured["platform"], "software");
    let draft = [
        "--json",
        "workload",
        "draft",
        "--program",
        &program,
        "--arg",
        "program",
        "--arg",
        "--port=1",
        "--unverified-coordinator",
        "--out",
        "workload.json",
    ];
    let drafted = strongroom(at, &draft).json();
    let digested = strongroom(at, &["--json", "workload", "digest", "workload.json"]).json();
    assert_eq!(drafted["digest"], digested["digest"]);
    assert_eq!(digested["program_digest"], measured["measurement"]);
    let text = std::fs::read_to_string(at.join("workload.json")).unwrap();
    assert!(text.contains("\"--port=1\""), "{text}");

    std::fs::write(at.join("broken.json"), text.replace("\"argv\"", "\"argw\"")).unwrap();
    let ran = strongroom(at, &["--json", "workload", "digest", "broken.json"]);
    assert_eq!(
        (ran.code(), ran.error()["code"].as_str()),
        (2, Some("workload.unknown_field"))
    );
}

#[test]
fn a_manifest_shows_all_its_errors_at_once() {
    let folder = folder();
    let at = folder.path();
    std::fs::write(
        at.join("bad.json"),
        r#"{"Packagez": {}, "Marbles": {"m": {"Package": "p", "Modells": []}}}"#,
    )
    .unwrap();
    let ran = strongroom(at, &["--json", "manifest", "check", "bad.json"]);
    assert_eq!(
        (ran.code(), ran.error()["code"].as_str()),
        (1, Some("manifest.invalid"))
    );
    let message = ran.error()["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("Packagez") && message.contains("Modells"),
        "{message}"
    );
}

#[test]
fn a_policy_needs_a_manifest_and_a_program() {
    let folder = folder();
    let at = folder.path();
    let ran = strongroom(
        at,
        &[
            "policy",
            "draft",
            "--platform",
            "sgx",
            "--measurement",
            &"ab".repeat(32),
        ],
    );
    assert_eq!(ran.code(), 2);
    assert!(ran.err().contains("--manifest"), "{}", ran.err());
    std::fs::write(
        at.join("policy.json"),
        r#"{"format":"strongroom.policy.v1","coordinator":[],"manifest_digests":[]}"#,
    )
    .unwrap();
    let ran = strongroom(
        at,
        &[
            "--json",
            "deployment",
            "verify",
            "localhost:1",
            "--expect",
            "policy.json",
        ],
    );
    assert_eq!(
        (ran.code(), ran.error()["code"].as_str()),
        (2, Some("policy.invalid"))
    );
}

#[test]
fn encrypting_replaces_nothing_unasked_and_copying_takes_bundles_only() {
    let folder = folder();
    let at = folder.path();
    std::fs::write(at.join("model"), vec![7; 10_000]).unwrap();
    assert_eq!(strongroom(at, &["model", "key", "new", "model.key"]).code(), 0);
    let encrypt = |to: &str, more: &[&str]| {
        let first = ["--json", "model", "encrypt", "model", to, "--key", "model.key"];
        strongroom(at, &[&first[..], more].concat())
    };
    assert_eq!(encrypt("a.bundle", &[]).code(), 0);
    let first = std::fs::read(at.join("a.bundle")).unwrap();
    let again = encrypt("a.bundle", &[]);
    assert_eq!(
        (again.code(), again.error()["code"].as_str()),
        (1, Some("file.exists"))
    );
    assert!(again.error()["hint"].as_str().unwrap().contains("--force"));
    assert_eq!(std::fs::read(at.join("a.bundle")).unwrap(), first);
    assert_eq!(encrypt("a.bundle", &["--force"]).code(), 0);
    assert_ne!(std::fs::read(at.join("a.bundle")).unwrap(), first);
    for own in ["model", "./model.key"] {
        let ran = encrypt(own, &["--force"]);
        assert_eq!(
            (ran.code(), ran.error()["code"].as_str()),
            (2, Some("input.invalid"))
        );
    }

    let ran = strongroom(at, &["--json", "model", "copy", "model", "uploaded"]);
    assert_eq!(
        (ran.code(), ran.error()["code"].as_str()),
        (1, Some("bundle.not_a_bundle"))
    );
    assert!(!at.join("uploaded").exists());
}

#[test]
fn a_key_that_others_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let at = folder.path();
    assert_eq!(strongroom(at, &["model", "key", "new", "model.key"]).code(), 0);
    let id = |more: &[&str]| strongroom(at, &[&["model", "key", "id", "model.key"][..], more].concat());
    assert_eq!(id(&[]).err(), "");
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(at.join("model.key"), open).unwrap();
    let warned = id(&[]);
    assert_eq!(warned.code(), 0);
    assert_eq!(
        warned.err(),
        "warning: others than its owner may read or change model.key: chmod 600 model.key\n"
    );
    // With --json, standard error is for errors alone.
    assert_eq!(id(&["--json"]).err(), "");
}
