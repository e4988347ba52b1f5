//! One crate decides what a TLS peer must prove. rustls keeps what can weaken that in modules called `danger`, so one
//! search shows who uses them: `ratls` and nobody else.

use super::{Finding, tree::Tree};

const HOME: &str = "crates/ratls/";
const WORDS: [&str; 2] = [concat!("::", "danger"), concat!(".", "dangerous()")];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| !file.path.starts_with(HOME)) {
        for (number, line) in file.lines() {
            if WORDS.iter().any(|word| line.contains(word)) {
                findings.push(Finding::at(
                    &file.path,
                    number,
                    "only `ratls` opens rustls' danger modules",
                ));
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
        let verifier = concat!("use rustls::client::", "danger::ServerCertVerifier;\n");
        let call = concat!(
            "    let config = builder.",
            "dangerous().with_custom_certificate_verifier(v);\n"
        );
        let found = |path: &str, text: &str| check(&Tree::of(&[(path, text)])).len();
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
}
