//! Which crate may use which. A crate is a trust boundary: each missing edge is a promise (the launcher knows no policy,
//! the inference server no evidence), and this table is where the promise is kept. A new edge needs an ADR first.

use super::Finding;
use crate::metadata::{Metadata, Package, short};

const GROUND: &[&str] = &[];
const ON_CRYPTO: &[&str] = &["crypto"];
const ALL: &[&str] = &[
    "api",
    "attest",
    "attester",
    "bundle",
    "cli",
    "client",
    "coordinator",
    "crypto",
    "inference",
    "launcher",
    "manifest",
    "ratls",
    "service",
    "simulator",
    "workload",
];

/// Crate, and what it may use; for building and for tests alike.
const EDGES: &[(&str, &[&str])] = &[
    ("crypto", GROUND),
    ("api", GROUND),
    ("service", GROUND),
    ("attest", ON_CRYPTO),
    ("workload", ON_CRYPTO),
    ("bundle", ON_CRYPTO),
    ("manifest", &["crypto", "attest"]),
    ("ratls", &["crypto", "attest"]),
    ("attester", &["crypto", "attest"]),
    (
        "coordinator",
        &[
            "crypto", "api", "service", "attest", "manifest", "ratls", "attester",
        ],
    ),
    (
        "launcher",
        &[
            "crypto", "api", "service", "attest", "workload", "bundle", "ratls", "attester",
        ],
    ),
    ("inference", &["crypto", "api", "service", "bundle"]),
    (
        "client",
        &[
            "crypto", "api", "attest", "workload", "bundle", "manifest", "ratls", "attester",
        ],
    ),
    ("simulator", &["crypto", "service", "attest", "workload"]),
    ("cli", &["client"]),
    ("e2e", ALL),
    (
        "vectors",
        &[
            "crypto", "api", "attest", "workload", "bundle", "manifest", "ratls",
        ],
    ),
    ("xtask", GROUND),
];

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    metadata.members().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let name = short(&package.name);
    let Some((_, allowed)) = EDGES.iter().find(|(from, _)| *from == name) else {
        return vec![Finding::new(
            name,
            "this crate has no row in the table of edges (xtask/src/tidy/edges.rs)",
        )];
    };
    let ours = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.path.is_some());
    ours.map(|dependency| short(&dependency.name))
        .filter(|used| !allowed.contains(used))
        .map(|used| {
            Finding::new(
                name,
                format!("may not use {used}: the table of edges has no such edge"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn package(name: &str, uses: &[(&str, Option<&str>)]) -> Package {
        let dependency = |(name, kind): &(&str, Option<&str>)| Dependency {
            name: format!("strongroom-{name}"),
            kind: kind.map(str::to_owned),
            path: Some(format!("crates/{name}").into()),
        };
        Package {
            id: name.to_owned(),
            name: format!("strongroom-{name}"),
            version: "0.1.0".to_owned(),
            license: None,
            manifest_path: Default::default(),
            source: None,
            dependencies: uses.iter().map(dependency).collect(),
            targets: Vec::new(),
        }
    }

    fn refused(name: &str, uses: &[(&str, Option<&str>)]) -> bool {
        !check_package(&package(name, uses)).is_empty()
    }

    #[test]
    fn an_edge_that_the_table_lacks_is_found() {
        assert!(!refused("launcher", &[("workload", None), ("bundle", None)]));
        assert!(refused("launcher", &[("workload", None), ("manifest", None)]));
        assert!(refused("inference", &[("attest", None)]));
        assert!(refused("coordinator", &[("bundle", None)]));
        assert!(refused("cli", &[("client", None), ("manifest", None)]));
        assert!(refused("crypto", &[("api", None)]));
    }

    #[test]
    fn an_edge_for_tests_or_build_scripts_is_an_edge() {
        assert!(refused("inference", &[("attest", Some("dev"))]));
        assert!(refused("inference", &[("attest", Some("build"))]));
        assert!(!refused("e2e", &[("attest", Some("dev")), ("inference", None)]));
        assert!(refused("vectors", &[("coordinator", Some("dev"))]));
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert!(refused("helpers", &[]));
    }

    #[test]
    fn no_two_rows_speak_of_one_crate_and_layers_point_down() {
        for (index, (name, uses)) in EDGES.iter().enumerate() {
            for (other, _) in &EDGES[index..EDGES.len()] {
                assert!(
                    !uses.contains(other) || *name == "e2e",
                    "{name} → {other} points up or to itself"
                );
            }
            assert_eq!(
                EDGES.iter().filter(|(other, _)| other == name).count(),
                1,
                "{name}"
            );
        }
    }
}
