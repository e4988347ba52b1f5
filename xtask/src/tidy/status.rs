//! Pages say which test shows which promise. A test that was renamed or never written would make them lie, so each name
//! on them must be found.
//!
//! It reads every table whose last column is headed `test`. A cell there holds names in backticks:
//! `path/to/file.rs::name` (in that file), `a::path::to::name` (in any file), `ci:STAGE` (a stage of `.ci/run`),
//! `file.rs::compile_fail` (a doctest that must not compile). A dash says that there is none yet.

use super::{
    Finding,
    tree::{File, Tree},
};

const PAGES: [&str; 2] = ["docs/status.md", "SECURITY.md"];
const CI: &str = ".ci/run";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    PAGES
        .into_iter()
        .flat_map(|page| check_page(tree, page))
        .collect()
}

fn check_page(tree: &Tree, page: &str) -> Vec<Finding> {
    let rows = tree.file(page).map(rows).unwrap_or_default();
    if rows.is_empty() {
        return vec![Finding::new(
            page,
            "holds no table of promises with a column `test`",
        )];
    }
    let mut findings = Vec::new();
    for (number, tests) in rows {
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && !matches!(tests, "–" | "-") {
            findings.push(Finding::at(
                page,
                number,
                "name a test in backticks, or write – for none yet",
            ));
        }
        for name in names.into_iter().filter(|name| !exists(tree, name)) {
            findings.push(Finding::at(page, number, format!("there is no test `{name}`")));
        }
    }
    findings
}

/// Line and last cell of each row, in the tables whose last column is headed `test`.
fn rows(page: &File) -> Vec<(usize, &str)> {
    let mut rows = Vec::new();
    let mut inside = false;
    for (number, line) in page.lines() {
        let Some(cells) = line
            .trim()
            .strip_prefix('|')
            .and_then(|line| line.strip_suffix('|'))
        else {
            inside = false;
            continue;
        };
        let cell = cells.rsplit('|').next().unwrap_or("").trim();
        let ruler = cells
            .chars()
            .all(|character| matches!(character, '-' | ':' | '|' | ' '));
        if inside && !ruler {
            rows.push((number, cell));
        }
        inside |= cell == "test";
    }
    rows
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
        let tree = Tree::of(&[
            (PAGES[0], &page),
            (CI, "stage demo 600 cargo demo\n"),
            ("crates/bundle/src/reader.rs", SOURCE),
            ("tests/reader/test_reader.py", "def test_opens(self):\n"),
        ]);
        check_page(&tree, PAGES[0]).len()
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
    fn a_page_without_promises_is_found() {
        let tree = Tree::of(&[(PAGES[0], "| bullet | tset |\n|---|---|\n| a | `b` |\n")]);
        assert_eq!(check(&tree).len(), PAGES.len());
    }
}
