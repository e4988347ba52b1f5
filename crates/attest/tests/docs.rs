//! `docs/attestation.md` lists every check and no other, and its policies load.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use strongroom_attest::{InspectionPolicy, step};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/attestation.md")
}

fn page() -> String {
    std::fs::read_to_string(path()).expect("checked in")
}

fn every_check() -> String {
    let mut table =
        "\n| check | step | code | exception | what it is good for |\n|---|---|---|---|---|\n".to_owned();
    for step in step::all() {
        let exception = if step.is_excusable() { "yes" } else { "" };
        writeln!(
            table,
            "| `{}` | {} | `{}` | {exception} | {} |",
            step.id(),
            step.number(),
            step.code(),
            step.why()
        )
        .expect("text");
    }
    table + "\n"
}

#[test]
fn the_page_lists_every_check() {
    let (begin, end) = ("<!-- checks -->", "<!-- end of checks -->");
    let page = page();
    let (before, rest) = page.split_once(begin).expect("the beginning of the table");
    let (listed, after) = rest.split_once(end).expect("its end");
    if std::env::var_os("STRONGROOM_BLESS").is_some() {
        let blessed = format!("{before}{begin}{}{end}{after}", every_check());
        std::fs::write(path(), blessed).expect("writable");
        return;
    }
    assert_eq!(listed, every_check());
}

/// The tables by platform: whatever they name is a check, and each check is named.
#[test]
fn the_tables_by_platform_name_every_check() {
    let page = page();
    let (tables, _) = page.split_once("### Every check").expect("the table of all");
    let (_, tables) = tables.split_once("## What is verified").expect("the section");
    let rows = tables
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    let named: BTreeSet<&str> = rows
        .filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next())
        .flat_map(|checks| checks.split('`').skip(1).step_by(2))
        .collect();
    let known: BTreeSet<&str> = step::all().map(step::Step::id).collect();
    let unknown: Vec<_> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "no checks: {unknown:?}");
    // Those of every platform stand in flows/activation.md.
    let common = ["platform", "freshness", "protection", "manifest"];
    let missing: Vec<_> = known
        .difference(&named)
        .filter(|id| !common.contains(*id))
        .collect();
    assert!(missing.is_empty(), "not named: {missing:?}");
}

#[test]
fn the_policies_of_the_page_load() {
    let page = page();
    let examples: Vec<&str> = page
        .split("```json\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(examples.len(), 4);
    for example in examples {
        let policy = InspectionPolicy::parse(example.as_bytes());
        assert!(policy.is_ok(), "{example}\n{policy:?}");
    }
}
