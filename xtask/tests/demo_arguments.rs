//! The demo can be called in three ways, and they are one. Asks the real cargo with the real aliases.

use std::{
    path::Path,
    process::{Command, Output},
};

fn cargo(arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace");
    Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root)
        .output()
        .expect("cargo starts")
}

fn check(arguments: &[&str]) {
    let output = cargo(arguments);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        said, "[\"--keep\", \"--store\", \"x\"]\ndemo: arguments only\n",
        "{arguments:?}"
    );
}

#[test]
fn the_three_ways_to_call_the_demo_are_the_same() {
    check(&["demo", "--print-arguments", "--keep", "--store", "x"]);
    check(&["demo", "--", "--print-arguments", "--keep", "--store", "x"]);
    check(&["xtask", "demo", "--print-arguments", "--keep", "--store", "x"]);
}

#[test]
fn a_demo_that_cannot_be_built_still_ends_in_a_line_of_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace");
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["demo", "--keep"])
        .env("CARGO", root.join("README.md")) // no program: cargo cannot be started
        .current_dir(root)
        .output()
        .expect("xtask starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(
        said.lines().last().is_some_and(|line| line.starts_with("demo: ")),
        "{said:?}"
    );
}
