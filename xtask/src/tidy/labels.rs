//! Every hash and derivation starts with a label, and all labels stand in one file: two of the same, or one written
//! differently at its two ends, would be a hole that no test of either end sees. A known-answer test in `tests/` may
//! write one out: it pins the bytes.

use super::{Finding, tree::Tree};

const HOME: &str = "crates/crypto/src/label.rs";

/// How a label begins, as a literal.
const STARTS: [&str; 2] = [
    concat!("\"strong", "room/v1/"),
    concat!("\"EXPORTER-", "strongroom"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .rust()
        .filter(|file| file.path != HOME && !file.path.contains("/tests/"))
    {
        for (number, line) in file.lines() {
            if STARTS.iter().any(|start| holds_label(line, start)) {
                findings.push(Finding::at(&file.path, number, format!("labels stand in {HOME}")));
            }
        }
    }
    findings
}

/// The package `strongroom.v1` has a file of protobuf whose path begins as a label does.
fn holds_label(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let rest = &line[at + start.len()..];
        !rest.split('"').next().unwrap_or("").ends_with(".proto")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_outside_its_file_is_found() {
        let label = concat!("const A: &str = \"strong", "room/v1/activate\";\n");
        let exporter = concat!("let label = b\"EXPORTER-", "strongroom-v1\";\n");
        let proto = concat!("let files = [\"strong", "room/v1/marble.proto\"];\n");
        let prose = "// the label is `strongroom/v1/activate`\n";
        let tree = Tree::of(&[
            (HOME, label),
            ("crates/attest/src/binding.rs", label),
            ("crates/ratls/src/client.rs", exporter),
            ("crates/ratls/src/server.rs", prose),
            ("crates/api/build.rs", proto),
            ("crates/attest/tests/known_answers.rs", label),
        ]);
        let places: Vec<_> = check(&tree).into_iter().map(|finding| finding.place).collect();
        assert_eq!(
            places,
            ["crates/attest/src/binding.rs:1", "crates/ratls/src/client.rs:1"]
        );
    }
}
