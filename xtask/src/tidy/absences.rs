//! What a crate must be free of beyond our own crates: the absences that ARCHITECTURE.md promises, as far as the list of
//! direct dependencies shows them.

use super::Finding;
use crate::metadata::{Metadata, Package, short};

/// Sockets, files, processes, a runtime.
const IO: &[&str] = &[
    "async-std",
    "axum",
    "hyper",
    "hyper-util",
    "libc",
    "mio",
    "nix",
    "object_store",
    "reqwest",
    "rustix",
    "socket2",
    "tempfile",
    "tokio",
    "tonic",
    "ureq",
];
const SOCKETS: &[&str] = &[
    "axum",
    "hyper",
    "hyper-util",
    "object_store",
    "reqwest",
    "rustls",
    "tokio-rustls",
    "tonic",
    "ureq",
];
const ENGINES: &[&str] = &["object_store", "ort", "rten", "tensorflow"];

/// Crate, what it may not depend on, and what that absence means.
const ABSENCES: &[(&str, &[&str], &str)] = &[
    ("crypto", IO, "keys meet no I/O, no clock and no runtime"),
    ("attest", IO, "the verifier fits a fuzzer and a browser"),
    ("manifest", IO, "policy does no I/O and needs no runtime"),
    ("workload", IO, "a description is read, never executed"),
    ("coordinator", ENGINES, "the coordinator never touches a model"),
    ("cli", SOCKETS, "whatever a script wants, the SDK can do"),
];

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    metadata.members().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let name = short(&package.name);
    let mut findings = Vec::new();
    for (_, banned, meaning) in ABSENCES.iter().filter(|(from, ..)| *from == name) {
        // What only the tests use is in no program.
        let shipped = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind.is_none());
        for dependency in shipped.filter(|dependency| banned.contains(&dependency.name.as_str())) {
            findings.push(Finding::new(
                name,
                format!("may not use {}: {meaning}", dependency.name),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn refused(name: &str, uses: &str, kind: Option<&str>) -> bool {
        let kind = kind.map(str::to_owned);
        let package = Package {
            id: name.to_owned(),
            name: format!("strongroom-{name}"),
            version: "0.1.0".to_owned(),
            license: None,
            manifest_path: Default::default(),
            source: None,
            dependencies: vec![Dependency {
                name: uses.to_owned(),
                kind,
                path: None,
            }],
            targets: Vec::new(),
        };
        !check_package(&package).is_empty()
    }

    #[test]
    fn a_dependency_that_breaks_an_absence_is_found() {
        assert!(refused("attest", "tokio", None));
        assert!(refused("manifest", "rustix", None));
        assert!(refused("coordinator", "rten", None));
        assert!(refused("cli", "hyper", None));
        assert!(!refused("attest", "serde", None));
        assert!(!refused("client", "hyper", None));
        assert!(!refused("attest", "tokio", Some("dev")));
    }
}
