//! Dependencies come from the registry, by version and checksum. A git dependency needs an ADR, and a line here.

use super::Finding;
use crate::metadata::Metadata;

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let sources = metadata
        .packages
        .iter()
        .filter_map(|package| Some((package, package.source.as_deref()?)));
    let foreign = sources.filter(|(_, source)| !from_registry(source));
    foreign
        .map(|(package, source)| {
            Finding::new(
                &package.name,
                format!("comes from {source}, not from the registry"),
            )
        })
        .collect()
}

fn from_registry(source: &str) -> bool {
    source.starts_with("registry+") && source.ends_with("/crates.io-index")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_git_dependency_is_found() {
        assert!(from_registry("registry+https://example.com/crates.io-index"));
        assert!(!from_registry("git+https://example.com/rten?rev=1#1"));
        assert!(!from_registry("registry+https://example.com/other"));
    }
}
