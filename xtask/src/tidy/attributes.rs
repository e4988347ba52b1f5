//! A lint is never switched off in silence: `#[expect(lint, reason = "…")]` says why and complains when it is not needed
//! any more. An `allow` passes only with a reason (generated code, where an expectation may not be met).

use super::{Finding, tree::Tree};

const OPENINGS: [&str; 3] = [
    concat!("#[", "allow("),
    concat!("#![", "allow("),
    concat!("cfg_attr(", "allow"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (start, opening) in OPENINGS
            .iter()
            .flat_map(|opening| file.text.match_indices(opening))
        {
            let attribute = file.text[start..].split("]\n").next().unwrap_or("");
            if !attribute.contains("reason = \"") {
                let line = file.text[..start].lines().count().max(1);
                let text = format!("`{opening}…` without a reason: use `expect` with one");
                findings.push(Finding::at(&file.path, line, text));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_allow_is_found() {
        let check = |attribute: &str, expected: usize| {
            let text =
                format!("//! Doc.\n{attribute}\nfn f() {{}}\n#[expect(x, reason = \"y\")]\nfn g() {{}}\n");
            assert_eq!(
                check(&Tree::of(&[("crates/a/src/lib.rs", &text)])).len(),
                expected,
                "{attribute}"
            );
            assert_eq!(
                super::check(&Tree::of(&[("crates/a/src/generated/a.rs", &text)])).len(),
                0
            );
        };
        check(concat!("#[", "allow(dead_code)]"), 1);
        check(concat!("#![", "allow(dead_code)]"), 1);
        check(
            concat!("#[", "allow(dead_code, reason = \"made by a macro\")]"),
            0,
        );
        check(
            concat!(
                "#[",
                "allow(\n    dead_code,\n    reason = \"made by a macro\"\n)]"
            ),
            0,
        );
        check("#[expect(dead_code, reason = \"used by the next file\")]", 0);
    }
}
