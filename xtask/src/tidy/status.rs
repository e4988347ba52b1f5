//! `docs/status.md` says which test shows which promise. A test that was renamed or never written would make that page a
//! lie, so each name on it must be found.
//!
//! Rows read `| bullet | tests |`. The second cell holds names in backticks: `path/to/file.rs::name` (in that file),
//! `a::path::to::name` (in any file), `ci:STAGE` (a stage of `.ci/run`). A dash says that there is none yet.

use super::{
    Finding,
    tree::{File, Tree},
};

const PAGE: &str = "docs/status.md";
const CI: &str = ".ci/run";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.file(PAGE) else {
        return vec![Finding::new(
            PAGE,
            "is missing: it says which test shows which promise",
        )];
    };
    let mut findings = Vec::new();
    let rows = page
        .lines()
        .filter_map(|(number, line)| Some((number, tests_of_row(line)?)));
    for (number, tests) in rows {
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && !matches!(tests, "–" | "-") {
            findings.push(Finding::at(
                PAGE,
                number,
                "name a test in backticks, or write – for none yet",
            ));
        }
        for name in names.into_iter().filter(|name| !exists(tree, name)) {
            findings.push(Finding::at(PAGE, number, format!("there is no test `{name}`")));
        }
    }
    findings
}

/// The last cell of a table row with two cells or more; headings and rulers are no rows.
fn tests_of_row(line: &str) -> Option<&str> {
    let cells = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let (bullet, tests) = cells.rsplit_once('|')?;
    let (bullet, tests) = (bullet.trim(), tests.trim());
    let no_row = bullet == "bullet"
        || bullet
            .chars()
            .all(|character| matches!(character, '-' | ':' | '|' | ' '));
    (!no_row).then_some(tests)
}

fn exists(tree: &Tree, name: &str) -> bool {
    if let Some(stage) = name.strip_prefix("ci:") {
        let start = format!("stage {stage} ");
        return tree
            .file(CI)
            .is_some_and(|file| file.lines().any(|(_, line)| line.trim().starts_with(&start)));
    }
    let (place, function) = name.rsplit_once("::").unwrap_or(("", name));
    let in_file = place.ends_with(".rs") || place.ends_with(".py");
    tree.files
        .iter()
        .filter(|file| !in_file || file.path == place || file.path.ends_with(&format!("/{place}")))
        .any(|file| holds_test(file, function))
}

fn holds_test(file: &File, function: &str) -> bool {
    if file.path.ends_with(".py") {
        return file
            .lines()
            .any(|(_, line)| line.trim().starts_with(&format!("def {function}(")));
    }
    if !file.path.ends_with(".rs") {
        return false;
    }
    if function == "compile_fail" {
        return file.text.contains("```compile_fail");
    }
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let named = |line: &str| {
        line.split_once(&format!("fn {function}"))
            .is_some_and(|(before, after)| after.starts_with(['(', '<']) && !before.contains("//"))
    };
    (0..lines.len()).any(|index| named(lines[index]) && is_test(&lines[..index]))
}

/// Whether the attributes right above a function make it a test.
fn is_test(above: &[&str]) -> bool {
    let attributes = above
        .iter()
        .rev()
        .take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    attributes
        .into_iter()
        .any(|line| line.starts_with("#[test]") || line.contains("::test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "#[test]\n#[ignore = \"needs s3\"]\nfn wrong_key() {}\n\n#[tokio::test]\nasync fn slow() {}\n\nfn helper() {}\n/// ```compile_fail\n";

    fn findings(cell: &str) -> usize {
        let page = format!("| bullet | test |\n|---|---|\n| a promise | {cell} |\n");
        check(&Tree::of(&[
            (PAGE, &page),
            (CI, "stage demo 600 cargo demo\n"),
            ("crates/bundle/src/reader.rs", SOURCE),
            ("tests/reader/test_reader.py", "def test_opens(self):\n"),
        ]))
        .len()
    }

    #[test]
    fn a_named_test_that_does_not_exist_is_found() {
        assert_eq!(findings("`reader::tests::wrong_key`"), 0);
        assert_eq!(findings("`wrong_key`"), 0);
        assert_eq!(findings("`crates/bundle/src/reader.rs::slow`"), 0);
        assert_eq!(findings("`reader.rs::wrong_key`, `slow`"), 0);
        assert_eq!(findings("`reader.rs::compile_fail`"), 0);
        assert_eq!(findings("`test_reader.py::test_opens`"), 0);
        assert_eq!(findings("`ci:demo`"), 0);
        assert_eq!(findings("–"), 0);

        assert_eq!(findings("`reader::tests::wrong_ke`"), 1);
        assert_eq!(findings("`writer.rs::wrong_key`"), 1);
        assert_eq!(findings("`helper`"), 1); // a function, but no test
        assert_eq!(findings("`wrong_key`, `gone`"), 1);
        assert_eq!(findings("`ci:soak`"), 1);
        assert_eq!(findings("soon"), 1);
        assert_eq!(findings(""), 1);
    }

    #[test]
    fn a_missing_page_is_found() {
        assert_eq!(check(&Tree::of(&[])).len(), 1);
    }
}
