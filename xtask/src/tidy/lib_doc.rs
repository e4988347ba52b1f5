//! Every crate and program opens with a doc that says what it is for: the code map is read from these lines.

use super::{Finding, tree::Tree};
use crate::metadata::Metadata;

pub(super) fn check(metadata: &Metadata, tree: &Tree) -> Vec<Finding> {
    let roots = metadata.members().flat_map(|package| &package.targets);
    let roots = roots.filter(|target| target.kind.iter().any(|kind| kind == "lib" || kind == "bin"));
    let roots = roots.map(|target| metadata.relative(&target.src_path));
    roots.filter_map(|root| check_root(&root, tree)).collect()
}

fn check_root(root: &str, tree: &Tree) -> Option<Finding> {
    let documented = tree.file(root).is_some_and(|file| file.text.starts_with("//! "));
    (!documented).then(|| Finding::new(root, "a crate opens with `//!` and why it is there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_without_a_doc_is_found() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "//! The wire contracts.\n"),
            ("crates/b/src/lib.rs", "use std::fs;\n//! too late\n"),
            ("crates/c/src/lib.rs", ""),
        ]);
        assert_eq!(check_root("crates/a/src/lib.rs", &tree), None);
        assert!(check_root("crates/b/src/lib.rs", &tree).is_some());
        assert!(check_root("crates/c/src/lib.rs", &tree).is_some());
        assert!(check_root("crates/d/src/lib.rs", &tree).is_some());
    }
}
