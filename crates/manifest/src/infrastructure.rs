//! `Infrastructures`: the SGX platforms that a deployment may run on. Where any are named, one of them must match.
//!
//! MarbleRun reads them and enforces none. Here each becomes a further set of reference values for every package of
//! platform sgx; what cannot be enforced is an error, never a restriction that is lost.

use std::collections::BTreeMap;

use strongroom_attest::reference::Fields as ReferenceFields;
use strongroom_crypto::x509::Certificate;

use crate::fields::Fields;
use crate::problem::Path;

/// One kind of SGX platform.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Infrastructure {
    /// The root that vouches for it, instead of those of the package.
    pub root: Option<Certificate>,
}

impl Infrastructure {
    /// Whether every platform matches.
    pub fn is_open(&self) -> bool {
        self.root.is_none()
    }

    /// The reference values of a package of platform sgx, on this infrastructure only.
    pub(crate) fn narrow(&self, reference: &ReferenceFields) -> ReferenceFields {
        let mut narrowed = reference.clone();
        if let Some(root) = &self.root {
            narrowed.roots = vec![root.to_pem()];
        }
        narrowed
    }
}

const INFRASTRUCTURE: &[&str] = &["CPUSVN", "QESVN", "PCESVN", "RootCA"];

pub(crate) fn read(top: &Fields<'_>) -> BTreeMap<String, Infrastructure> {
    let problems = top.problems();
    let mut infrastructures = BTreeMap::new();
    for item in top.map("Infrastructures") {
        let fields = Fields::open(item.value, item.path.clone(), INFRASTRUCTURE, problems);
        for name in ["CPUSVN", "QESVN", "PCESVN"] {
            if fields.value(name).is_some() {
                let hint = "leave it out (or `null`); a package's `Policy` says what is asked of a platform";
                problems.check_hint(&fields.at(name), "this program cannot enforce it", hint);
            }
        }
        let root = read_root(&fields);
        infrastructures.insert(item.name.to_owned(), Infrastructure { root });
    }
    infrastructures
}

/// A certificate, PEM or DER inside the bytes.
fn read_root(fields: &Fields<'_>) -> Option<Certificate> {
    let bytes = fields.bytes("RootCA").filter(|bytes| !bytes.is_empty())?;
    let from_pem = || std::str::from_utf8(&bytes).ok().map(Certificate::parse_pem);
    let root = match from_pem() {
        Some(Ok(root)) => Some(root),
        _ => Certificate::parse(&bytes).ok(),
    };
    let place: Path = fields.at("RootCA");
    match root {
        None => fields.problems().check(&place, "no certificate in PEM or DER"),
        Some(ref root) if !root.is_ca() => {
            fields
                .problems()
                .check(&place, "the certificate is no certification authority's");
        }
        Some(_) => {}
    }
    root
}
