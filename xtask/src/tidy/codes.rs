//! Codes are an interface: scripts depend on them, and whoever meets one looks it up. So every code in the sources stands
//! in `docs/errors.md`, and every code on that page is in the sources.

use std::collections::BTreeMap;

use super::{Finding, tree::Tree};

const PAGE: &str = "docs/errors.md";

/// What a code begins with. A new area is added here with its first code.
const AREAS: [&str; 28] = [
    "attester",
    "bundle",
    "channel",
    "endorsement",
    "enrolment",
    "evidence",
    "file",
    "input",
    "launcher",
    "limit",
    "log",
    "manifest",
    "marble",
    "model",
    "peer",
    "policy",
    "predict",
    "provision",
    "recovery",
    "request",
    "secret",
    "server",
    "state",
    "store",
    "time",
    "trust",
    "user",
    "workload",
];

/// What looks like a code and is the name of a file.
const FILE_ENDINGS: [&str; 12] = [
    "bin", "bundle", "crt", "example", "json", "key", "log", "new", "onnx", "pem", "rs", "txt",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.file(PAGE) else {
        return vec![Finding::new(PAGE, "is missing: it lists every code")];
    };
    let listed: Vec<&str> = page
        .text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|text| is_code(text))
        .collect();
    let used = used(tree);
    let mut findings = Vec::new();
    for (code, place) in &used {
        if !listed.contains(code) {
            findings.push(Finding::new(
                place,
                format!("the code {code:?} is not listed in {PAGE}"),
            ));
        }
    }
    for code in listed.into_iter().filter(|code| !used.contains_key(code)) {
        findings.push(Finding::new(
            PAGE,
            format!("lists the code {code:?}, which no source has"),
        ));
    }
    findings
}

/// Codes in string literals of the crates, each with a place where it stands.
fn used(tree: &Tree) -> BTreeMap<&str, String> {
    let mut codes = BTreeMap::new();
    // The command line has no codes of its own; where one stands there, the demo expects it of somebody.
    let ours = |path: &str| path.starts_with("crates/") && !path.starts_with("crates/cli/");
    for file in tree
        .rust()
        .filter(|file| ours(&file.path) && !file.path.contains("/tests/"))
    {
        // What only the unit tests write is an example of something wrong.
        let tests = file.text.find("#[cfg(test)]").unwrap_or(file.text.len());
        for (number, line) in file.text[..tests].lines().enumerate() {
            for code in line.split('"').skip(1).step_by(2).filter(|text| is_code(text)) {
                codes
                    .entry(code)
                    .or_insert_with(|| format!("{}:{}", file.path, number + 1));
            }
        }
    }
    codes
}

fn is_code(text: &str) -> bool {
    let Some((area, reason)) = text.split_once('.') else {
        return false;
    };
    let word = !reason.is_empty()
        && reason
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter == '_');
    AREAS.contains(&area) && word && !FILE_ENDINGS.contains(&reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(page: &str, source: &str) -> usize {
        check(&Tree::of(&[(PAGE, page), ("crates/bundle/src/error.rs", source)])).len()
    }

    #[test]
    fn a_code_that_is_not_listed_is_found_and_the_other_way_round() {
        let source = "Self::Key => \"bundle.wrong_key\",\nlet path = \"manifest.json\";\n";
        assert_eq!(findings("| `bundle.wrong_key` | a key |\n", source), 0);
        assert_eq!(findings("| `bundle.wrong_keys` | a key |\n", source), 2);
        assert_eq!(findings("nothing\n", source), 1);
        assert_eq!(findings("| `bundle.wrong_key` | a key |\n", ""), 1);
        assert_eq!(findings("see `manifest.json` and `bundle::Reader`\n", ""), 0);
        assert_eq!(
            findings(
                "nothing\n",
                "#[cfg(test)]\nmod tests { const A: &str = \"bundle.wrong\"; }\n"
            ),
            0
        );
        assert_eq!(check(&Tree::of(&[])).len(), 1);
    }
}
