//! Each refusal changes one thing in a good description.

use serde_json::{Value, json};
use strongroom_workload::{Argv, CoordinatorRule, Description};

fn good() -> Value {
    json!({
        "format": "strongroom.workload.v1",
        "program": { "path": "/usr/bin/program", "digest": "11".repeat(32) },
        "files": [
            { "path": "/lib/b.so", "digest": "22".repeat(32) },
            { "path": "/lib/a.so", "digest": "33".repeat(32) },
        ],
        "argv": ["program", "--provision_file=/run/strongroom/provision.json"],
        "environment": ["RUST_LOG", "HOME"],
        "coordinator_may_set": { "environment": ["TOKEN"], "files": ["/etc/app/", "/etc/one.conf"] },
        "coordinator": { "expect": [{ "platform": "software", "measurements": ["44".repeat(32)], "svn": 2 }] },
        "provision_dir": "/run/strongroom",
        "report_data": "bound",
    })
}

/// What parsing says after `change`: the code, and the text.
fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut document = good();
    change(&mut document);
    match Description::parse(document.to_string().as_bytes()) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => format!("{} {error}", error.code()),
    }
}

fn check(change: impl FnOnce(&mut Value), expected: &str) {
    let found = refused(change);
    assert!(found.contains(expected), "expected `{expected}` in `{found}`");
}

#[test]
fn accepts_the_good_one() {
    assert_eq!(refused(|_| {}), "accepted");
    let description = Description::parse(good().to_string().as_bytes()).expect("good");
    assert_eq!(description.files()[0].path(), "/lib/a.so");
    assert_eq!(description.environment(), ["HOME", "RUST_LOG"]);
    assert!(matches!(description.argv(), Argv::Fixed(arguments) if arguments.len() == 2));
    assert!(matches!(description.coordinator(), CoordinatorRule::Expect(_)));
    assert!(
        description
            .coordinator()
            .expectation()
            .expect("verified")
            .starts_with("[{")
    );
    let may = description.coordinator_may_set();
    assert!(may.allows_variable("TOKEN") && !may.allows_variable("TOKEN2"));
    for (path, allowed) in [
        ("/etc/app/x", true),
        ("/etc/app/x/y", true),
        ("/etc/one.conf", true),
        ("/etc/app/", false),
        ("/etc/app", false),
        ("/etc/apple", false),
        ("/etc/one.conf.d", false),
    ] {
        assert_eq!(may.allows_file(path), allowed, "{path}");
    }
}

#[test]
fn refuses_unknown_missing_and_misspelt_fields() {
    check(
        |d| d["enviroment"] = json!([]),
        "workload.unknown_field workload description: $: unknown field `enviroment`, did you mean `environment`?",
    );
    check(
        |d| d["program"]["Digest"] = json!(""),
        "$.program: unknown field `Digest`, did you mean `digest`?",
    );
    check(
        |d| d["coordinator_may_set"]["zzzzzzzz"] = json!(1),
        "$.coordinator_may_set: unknown field `zzzzzzzz`",
    );
    check(
        |d| d["coordinator"]["expects"] = json!(1),
        "did you mean `expect`?",
    );
    for field in ["format", "program", "argv", "coordinator"] {
        let remove = |d: &mut Value| drop(d.as_object_mut().expect("object").remove(field));
        check(
            remove,
            &format!("workload.missing_field workload description: $: field `{field}` is missing"),
        );
    }
    check(
        |d| d["format"] = json!("strongroom.workload.v2"),
        "$.format: expected strongroom.workload.v1",
    );
}

#[test]
fn refuses_wrong_values() {
    check(
        |d| d["program"]["digest"] = json!("11"),
        "workload.wrong_value workload description: $.program.digest",
    );
    check(
        |d| d["files"][1]["digest"] = json!(7),
        "$.files[1].digest: expected a string, found an integer",
    );
    check(|d| d["argv"] = json!([]), "$.argv: expected at least");
    check(|d| d["argv"] = json!("coordinators"), "$.argv: expected a list");
    check(
        |d| d["argv"][1] = json!("a\0b"),
        "$.argv[1]: expected text without NUL",
    );
    check(
        |d| d["report_data"] = json!("any"),
        "$.report_data: expected bound or raw",
    );
    check(
        |d| d["coordinator"] = json!("unverifed"),
        "$.coordinator: expected an object or",
    );
    check(
        |d| d["coordinator"]["expect"] = json!([]),
        "workload.no_expectation",
    );
    check(
        |d| d["coordinator"]["expect"][0]["svn"] = json!(1.5),
        "workload.syntax",
    );
    check(
        |d| d["files"] = json!(vec![json!({}); 4097]),
        "$.files: at most 4096 files",
    );
}

#[test]
fn refuses_paths_in_a_second_spelling() {
    check(
        |d| d["program"]["path"] = json!("program"),
        "workload.path workload description: $.program.path",
    );
    check(
        |d| d["files"][0]["path"] = json!("/lib/../b.so"),
        "$.files[0].path",
    );
    check(|d| d["provision_dir"] = json!("/"), "$.provision_dir");
    check(
        |d| d["provision_dir"] = json!("/run/strongroom/"),
        "$.provision_dir",
    );
    check(
        |d| d["coordinator_may_set"]["files"][0] = json!("/"),
        "$.coordinator_may_set.files[0]",
    );
}

#[test]
fn refuses_variables_that_load_code_or_belong_to_the_launcher() {
    for name in [
        "LD_PRELOAD",
        "LD_AUDIT",
        "GLIBC_TUNABLES",
        "MARBLE_PREDEFINED_ROOT_CA",
        "A=B",
        "",
    ] {
        check(
            |d| d["environment"][0] = json!(name),
            "workload.environment workload description: $.environment[0]",
        );
    }
    check(
        |d| d["coordinator_may_set"]["environment"][0] = json!("LD_PRELOAD"),
        "$.coordinator_may_set.environment[0]",
    );
}

#[test]
fn refuses_what_is_named_twice() {
    check(
        |d| d["environment"][1] = json!("RUST_LOG"),
        "workload.duplicate workload description: $.environment[1]",
    );
    check(
        |d| d["files"][1]["path"] = json!("/lib/b.so"),
        "$.files[1]: named twice",
    );
    check(
        |d| d["files"][1]["path"] = json!("/usr/bin/program"),
        "workload.duplicate",
    );
    let twice = good().to_string().replacen('{', r#"{"report_data":"bound","#, 1);
    let error = Description::parse(twice.as_bytes()).expect_err("duplicate field");
    assert_eq!(error.code(), "workload.syntax");
}

#[test]
fn refuses_measured_files_that_the_coordinator_could_replace() {
    check(
        |d| d["coordinator_may_set"]["files"][0] = json!("/lib/"),
        "workload.measured_file",
    );
    check(
        |d| d["coordinator_may_set"]["files"][0] = json!("/usr/bin/program"),
        "workload.measured_file",
    );
    check(
        |d| d["files"][0]["path"] = json!("/run/strongroom/x"),
        "workload.measured_file",
    );
}

#[test]
fn refuses_what_is_no_json_or_too_large() {
    for bytes in [&b""[..], b"[]", b"{", b"\xff\xfe", b"null"] {
        assert!(Description::parse(bytes).is_err());
    }
    let large = vec![b' '; strongroom_workload::SIZE_MAX + 1];
    assert_eq!(
        Description::parse(&large).expect_err("too large").code(),
        "workload.syntax"
    );
}
