//! The house rules that a compiler does not know. One file per rule: a doc that says why, a table, a check without I/O,
//! and a test that shows it failing.

mod absences;
mod attributes;
mod codes;
mod danger;
mod edges;
mod hosts;
mod labels;
mod lib_doc;
mod licences;
mod paths;
mod size;
mod sources;
mod status;
mod stubs;
mod tree;

use std::{fmt, process::ExitCode};

use anyhow::{Result, bail};

use self::tree::Tree;
use crate::metadata::{Metadata, Scope};

/// What every rule may look at.
struct House {
    metadata: Metadata,
    tree: Tree,
}

/// One thing that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// A file with its line, or a package.
    place: String,
    /// What is wrong, and what to do.
    text: String,
}

impl Finding {
    fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            text: text.into(),
        }
    }

    fn at(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self::new(format!("{path}:{line}"), text)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

type Rule = fn(&House) -> Vec<Finding>;

const RULES: [(&str, Rule); 14] = [
    ("edges", |house| edges::check(&house.metadata)),
    ("absences", |house| absences::check(&house.metadata)),
    ("lib doc", |house| lib_doc::check(&house.metadata, &house.tree)),
    ("size", |house| size::check(&house.tree)),
    ("licences", |house| licences::check(&house.metadata, &house.tree)),
    ("sources", |house| sources::check(&house.metadata)),
    ("labels", |house| labels::check(&house.tree)),
    ("attributes", |house| attributes::check(&house.tree)),
    ("stubs", |house| stubs::check(&house.tree)),
    ("danger", |house| danger::check(&house.tree)),
    ("codes", |house| codes::check(&house.tree)),
    ("status", |house| status::check(&house.tree)),
    ("paths", |house| paths::check(&house.tree)),
    ("hosts", |house| hosts::check(&house.tree)),
];

/// Applies every rule, prints what each found, and fails if one found anything.
pub(crate) fn run() -> Result<ExitCode> {
    let metadata = Metadata::read(Scope::Everything)?;
    let tree = Tree::read(&metadata.workspace_root)?;
    let house = House { metadata, tree };
    let mut found = 0;
    for (name, rule) in RULES {
        for finding in rule(&house) {
            eprintln!("tidy [{name}] {finding}");
            found += 1;
        }
    }
    if found > 0 {
        bail!("tidy: {found} findings");
    }
    println!(
        "tidy: {} rules hold over {} files",
        RULES.len(),
        house.tree.files.len()
    );
    Ok(ExitCode::SUCCESS)
}
