//! A file is one idea. Past this size it holds two, and the reader pays.

use super::{Finding, tree::Tree};

const LINES_MAX: usize = 500;

/// Files that may be longer: path, lines, and why splitting would make the reader's life harder.
const EXCEPTIONS: &[(&str, usize, &str)] = &[];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    check_with(tree, EXCEPTIONS)
}

fn check_with(tree: &Tree, exceptions: &[(&str, usize, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines = file.text.lines().count();
        let exception = exceptions.iter().find(|(path, ..)| *path == file.path);
        let limit = exception.map_or(LINES_MAX, |(_, limit, _)| *limit);
        if lines > limit {
            findings.push(Finding::new(
                &file.path,
                format!("{lines} lines, agreed are {limit}: split it by idea"),
            ));
        }
    }
    for (path, ..) in exceptions.iter().filter(|(path, ..)| tree.file(path).is_none()) {
        findings.push(Finding::new(
            *path,
            "is excepted from the size limit and does not exist",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found_unless_generated_or_excepted() {
        let (fits, long) = ("x\n".repeat(LINES_MAX), "x\n".repeat(LINES_MAX + 1));
        let tree = Tree::of(&[
            ("crates/a/src/fits.rs", &fits),
            ("crates/a/src/long.rs", &long),
            ("crates/a/src/table.rs", &long),
            ("crates/api/src/generated/rpc.rs", &long),
            ("docs/long.md", &long),
        ]);
        let found = |exceptions| -> Vec<String> {
            check_with(&tree, exceptions)
                .into_iter()
                .map(|finding| finding.place)
                .collect()
        };
        assert_eq!(found(&[]), ["crates/a/src/long.rs", "crates/a/src/table.rs"]);
        assert_eq!(
            found(&[("crates/a/src/table.rs", 600, "one table")]),
            ["crates/a/src/long.rs"]
        );
        assert!(
            found(&[("crates/a/src/gone.rs", 600, "one table")]).contains(&"crates/a/src/gone.rs".to_owned())
        );
    }
}
