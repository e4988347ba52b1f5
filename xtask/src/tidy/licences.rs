//! What is linked may be shipped: every package of the lock file is under a licence of the list in `deny.toml`, in the
//! sense of its SPDX expression, or has an exception there by its name. The list stands there once, for cargo-deny and for
//! this rule.

use super::{Finding, tree::Tree};
use crate::metadata::Metadata;

const LIST: &str = "deny.toml";

pub(super) fn check(metadata: &Metadata, tree: &Tree) -> Vec<Finding> {
    let allowed = tree
        .file(LIST)
        .map(|file| allowed(&file.text))
        .unwrap_or_default();
    if allowed.is_empty() {
        return vec![Finding::new(
            LIST,
            "holds no list of licences (`[licenses]`, `allow = [ … ]`)",
        )];
    }
    let exceptions = tree
        .file(LIST)
        .map(|file| exceptions(&file.text))
        .unwrap_or_default();
    let excepted = |name: &str, text: &str| {
        exceptions
            .iter()
            .any(|(of, licences)| of == name && permits(text, licences))
    };
    let packages = metadata.packages.iter();
    let packages = packages.map(|package| (&package.name, &package.version, package.license.as_deref()));
    packages
        .filter_map(|(name, version, licence)| {
            let problem = match licence {
                None => "names no licence".to_owned(),
                Some(text) if permits(text, &allowed) || excepted(name, text) => return None,
                Some(text) => format!("its licence {text:?} is not on the list in {LIST}"),
            };
            Some(Finding::new(format!("{name} {version}"), problem))
        })
        .collect()
}

/// The strings of `allow = [ … ]` in the section `[licenses]`: as much TOML as that file needs.
fn allowed(toml: &str) -> Vec<String> {
    let mut section = "";
    let mut inside = false;
    let mut list = Vec::new();
    for line in toml
        .lines()
        .map(|line| line.split('#').next().unwrap_or("").trim())
    {
        if !inside && line.starts_with('[') {
            section = line;
        }
        inside |= section == "[licenses]" && line.starts_with("allow") && line.contains('[');
        if inside {
            list.extend(line.split('"').skip(1).step_by(2).map(str::to_owned));
            inside = !line.ends_with(']');
        }
    }
    list
}

/// The lines `{ crate = "…", allow = ["…"] }` of `exceptions = [ … ]` in the section `[licenses]`: a name and licences.
fn exceptions(toml: &str) -> Vec<(String, Vec<String>)> {
    let mut section = "";
    let mut list = Vec::new();
    for line in toml.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        }
        let exception = line
            .strip_prefix("{ crate = ")
            .filter(|_| section == "[licenses]");
        let texts = exception.map(|line| line.split('}').next().unwrap_or(line));
        let mut texts = texts
            .into_iter()
            .flat_map(|line| line.split('"').skip(1).step_by(2));
        if let Some(name) = texts.next() {
            list.push((name.to_owned(), texts.map(str::to_owned).collect()));
        }
    }
    list
}

/// Whether an SPDX expression can be met with the allowed licences alone. What cannot be read is not permitted.
fn permits(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Expression {
        words: &words,
        allowed,
    };
    reader.either() == Some(true) && reader.words.is_empty()
}

/// Recursive descent: OR binds weakest, then AND; WITH belongs to the licence before it.
struct Expression<'a> {
    words: &'a [&'a str],
    allowed: &'a [String],
}

impl Expression<'_> {
    fn either(&mut self) -> Option<bool> {
        let mut met = self.both()?;
        while self.take("OR") {
            met |= self.both()?;
        }
        Some(met)
    }

    fn both(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.take("AND") {
            met &= self.one()?;
        }
        Some(met)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let met = self.either()?;
            return self.take(")").then_some(met);
        }
        let mut licence = self.next()?.to_owned();
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.next()?);
        }
        Some(self.allowed.contains(&licence))
    }

    fn take(&mut self, word: &str) -> bool {
        let there = self.words.first() == Some(&word);
        if there {
            self.words = &self.words[1..];
        }
        there
    }

    fn next(&mut self) -> Option<&str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Vec<String> {
        allowed(
            "[graph]\nallow = [\"Graph\"]\n[licenses]\nallow = [\n  \"MIT\", # why\n  \"Apache-2.0\",\n  \"Apache-2.0 WITH LLVM-exception\",\n  \"ISC\" ]\n[bans]\nallow = [\"X\"]\n",
        )
    }

    #[test]
    fn the_list_is_read_from_its_own_section_only() {
        assert_eq!(
            list(),
            ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC"]
        );
        assert_eq!(allowed("[licenses]\nallow = [\"MIT\"]\n"), ["MIT"]);
        assert!(allowed("[bans]\nallow = [\"MIT\"]\n").is_empty());
    }

    #[test]
    fn an_exception_is_for_one_package() {
        let toml = "[licenses]\nallow = [\"MIT\"]\nexceptions = [\n  { crate = \"x\", allow = [\"MPL-2.0\"] }, # \"why\"\n]\n[bans]\n{ crate = \"y\", allow = [\"Z\"] }\n";
        assert_eq!(exceptions(toml), [("x".to_owned(), vec!["MPL-2.0".to_owned()])]);
        assert_eq!(allowed(toml), ["MIT"]);
    }

    #[test]
    fn a_licence_outside_the_list_is_refused() {
        let check = |expression: &str, expected: bool| {
            assert_eq!(permits(expression, &list()), expected, "{expression}");
        };
        check("MIT", true);
        check("GPL-3.0-only", false);
        check("MIT OR GPL-3.0-only", true);
        check("MIT AND GPL-3.0-only", false);
        check("MIT/Apache-2.0", true);
        check("GPL-2.0 / AGPL-3.0", false);
        check("ISC AND (Apache-2.0 OR GPL-2.0)", true);
        check("GPL-2.0 OR (ISC AND GPL-3.0)", false);
        check("MIT OR GPL-2.0 AND GPL-3.0", true); // AND binds first
        check("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true);
        check("MIT WITH LLVM-exception", false);
        check("", false);
        check("(MIT", false);
        check("MIT Apache-2.0", false);
        check("MIT OR", false);
    }
}
