//! The project builds and runs wherever it is cloned: no file of it names a folder of one machine.

use super::{Finding, tree::Tree};

const FOLDERS: [&str; 3] = [
    concat!("/", "work/"),
    concat!("/", "root/"),
    concat!("/", "home/"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (number, line) in file.lines() {
            if FOLDERS.iter().any(|folder| names(line, folder)) {
                findings.push(Finding::at(&file.path, number, "names a folder of one machine"));
            }
        }
    }
    findings
}

/// Whether the folder stands there as the beginning of a path: `a/work/b` goes on from something.
fn names(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        before.is_none_or(|character| {
            !character.is_alphanumeric() && !matches!(character, '_' | '.' | '-' | '}')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_path_of_a_machine_is_found() {
        let check = |line: &str, expected: usize| {
            assert_eq!(check(&Tree::of(&[("docs/a.md", line)])).len(), expected, "{line}");
        };
        check(concat!("cd /", "work/main"), 1);
        check(concat!("\"/", "home/somebody/x\""), 1);
        check(concat!("CARGO=/", "root/.cargo"), 1);
        check(concat!("file:///", "root/x"), 1);
        check("tests/home/x and ./work/y and ${HOME}/work/z", 0);
        check("/run/strongroom/keys", 0);
    }
}
