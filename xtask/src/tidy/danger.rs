//! One crate decides what a TLS peer must prove. rustls keeps what can weaken that in modules called `danger`, and so
//! does `ratls` with its one way to connect to somebody unknown: one search shows who uses either.

use super::{Finding, tree::Tree};

/// Measures bare handshakes, trusts nobody, and is linked into nothing.
const BENCHES: &str = "benches/";
/// Opens rustls' own danger.
const HOME: &str = "crates/ratls/";
const OF_RUSTLS: [&str; 3] = [
    concat!("client::", "danger"),
    concat!("server::", "danger"),
    concat!(".", "dangerous()"),
];

/// Connects to somebody unknown, and verifies evidence on that very connection before anything else.
const MAY_CONNECT: [&str; 5] = [
    "crates/client/src/deployment/",
    "crates/coordinator/tests/",
    "crates/launcher/src/",
    "tests/e2e/",
    "tests/vectors/tests/marblerun/",
];
const CONNECT: &str = concat!("connect_", "unverified");

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .rust()
        .filter(|file| !file.path.starts_with(HOME) && !file.path.starts_with(BENCHES))
    {
        let may_connect = MAY_CONNECT.iter().any(|place| file.path.starts_with(place));
        for (number, line) in file.lines() {
            if OF_RUSTLS.iter().any(|word| line.contains(word)) {
                findings.push(Finding::at(
                    &file.path,
                    number,
                    "only `ratls` opens rustls' danger modules",
                ));
            }
            if !may_connect && line.contains(CONNECT) {
                let text = format!("may not call `{CONNECT}`: who may stands in xtask/src/tidy/danger.rs");
                findings.push(Finding::at(&file.path, number, text));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_outside_ratls_is_found() {
        let found = |path: &str, text: &str| check(&Tree::of(&[(path, text)])).len();
        let verifier = concat!("use rustls::client::", "danger::ServerCertVerifier;\n");
        let call = concat!(
            "    let config = builder.",
            "dangerous().with_custom_certificate_verifier(v);\n"
        );
        assert_eq!(found("crates/client/src/predict.rs", verifier), 1);
        assert_eq!(found("crates/client/src/predict.rs", call), 1);
        assert_eq!(found("crates/ratls/src/client.rs", verifier), 0);
        assert_eq!(
            found(
                "crates/client/src/predict.rs",
                "use strongroom_ratls::PinnedRoot;\n"
            ),
            0
        );
    }

    #[test]
    fn a_connection_to_somebody_unknown_is_found_where_nobody_verifies() {
        let found = |path: &str, text: &str| check(&Tree::of(&[(path, text)])).len();
        let connect = concat!("let session = danger::connect_", "unverified(&target).await?;\n");
        assert_eq!(found("crates/client/src/predict.rs", connect), 1);
        assert_eq!(found("crates/coordinator/src/app/update.rs", connect), 1);
        assert_eq!(found("crates/client/src/deployment/mod.rs", connect), 0);
        assert_eq!(found("crates/launcher/src/coordinator.rs", connect), 0);
    }
}
