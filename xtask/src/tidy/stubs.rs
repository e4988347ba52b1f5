//! Nothing lands that only says it will be written.

use super::{Finding, tree::Tree};

const STUBS: [&str; 2] = [concat!("todo", "!("), concat!("unimplemented", "!(")];
const LEFTOVERS: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (number, line) in file.lines() {
            if STUBS.iter().any(|stub| line.contains(stub)) {
                findings.push(Finding::at(
                    &file.path,
                    number,
                    "a stub: write it, or leave the item out",
                ));
            }
            if LEFTOVERS.iter().any(|word| has_word(line, word)) {
                findings.push(Finding::at(&file.path, number, "a left-over: do it, or file it"));
            }
        }
    }
    findings
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|character: char| !character.is_alphanumeric() && character != '_')
        .any(|found| found == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stubs_and_left_overs_are_found() {
        let check = |line: &str, expected: usize| {
            assert_eq!(
                check(&Tree::of(&[("crates/a/src/lib.rs", line)])).len(),
                expected,
                "{line}"
            );
        };
        check(concat!("fn f() { todo", "!() }"), 1);
        check(concat!("fn f() { unimplemented", "!(\"later\") }"), 1);
        check(concat!("// FIX", "ME: later"), 1);
        check("const PREFIXME: u8 = 0;", 0);
        check("fn f() { unreachable!(\"checked above\") }", 0);
    }
}
