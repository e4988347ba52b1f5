//! `Infrastructures`: the SGX platforms that a deployment may run on. Where any are named, one of them must match.
//!
//! MarbleRun reads them and enforces none. Here each becomes a further set of reference values for every package of
//! platform sgx; what cannot be enforced is an error, never a restriction that is lost.

use std::collections::BTreeMap;

use strongroom_attest::HexBytes;
use strongroom_attest::reference::Fields as ReferenceFields;
use strongroom_crypto::x509::Certificate;

use crate::fields::Fields;
use crate::problem::Path;

/// One kind of SGX platform.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Infrastructure {
    /// Least CPUSVN, component by component.
    pub cpu_svn: Option<[u8; 16]>,
    /// Least PCESVN.
    pub pce_svn: Option<u16>,
    /// The root that vouches for it, instead of those of the package.
    pub root: Option<Certificate>,
}

impl Infrastructure {
    /// Whether every platform matches.
    pub fn is_open(&self) -> bool {
        self.cpu_svn.is_none() && self.pce_svn.is_none() && self.root.is_none()
    }

    /// The reference values of a package of platform sgx, on this infrastructure only.
    pub(crate) fn narrow(&self, reference: &ReferenceFields) -> ReferenceFields {
        let mut narrowed = reference.clone();
        if self.cpu_svn.is_some() || self.pce_svn.is_some() {
            let policy = narrowed.sgx.get_or_insert_default();
            // The package's own floors hold as well: of two the higher one.
            let cpu_svn = policy
                .cpu_svn_min
                .map(|own| own.0)
                .into_iter()
                .chain(self.cpu_svn);
            policy.cpu_svn_min = cpu_svn.reduce(higher).map(HexBytes);
            policy.pce_svn_min = policy.pce_svn_min.max(self.pce_svn);
        }
        if let Some(root) = &self.root {
            narrowed.roots = vec![root.to_pem()];
        }
        narrowed
    }
}

fn higher(mut one: [u8; 16], other: [u8; 16]) -> [u8; 16] {
    one.iter_mut()
        .zip(other)
        .for_each(|(one, other)| *one = other.max(*one));
    one
}

const INFRASTRUCTURE: &[&str] = &["CPUSVN", "QESVN", "PCESVN", "RootCA"];

pub(crate) fn read(top: &Fields<'_>) -> BTreeMap<String, Infrastructure> {
    let problems = top.problems();
    let mut infrastructures = BTreeMap::new();
    for item in top.map("Infrastructures") {
        let fields = Fields::open(item.value, item.path.clone(), INFRASTRUCTURE, problems);
        if fields.unsigned("QESVN", u64::from(u16::MAX)).is_some() {
            let hint = "leave it out (or `null`): Intel's QE identity says which quoting enclaves are good";
            problems.check_hint(&fields.at("QESVN"), "this program cannot enforce it", hint);
        }
        let infrastructure = Infrastructure {
            cpu_svn: read_cpu_svn(&fields),
            pce_svn: fields
                .unsigned("PCESVN", u64::from(u16::MAX))
                .and_then(|svn| u16::try_from(svn).ok()),
            root: read_root(&fields),
        };
        infrastructures.insert(item.name.to_owned(), infrastructure);
    }
    infrastructures
}

fn read_cpu_svn(fields: &Fields<'_>) -> Option<[u8; 16]> {
    let bytes = fields.bytes("CPUSVN").filter(|bytes| !bytes.is_empty())?;
    let svn = bytes.try_into().ok();
    if svn.is_none() {
        fields
            .problems()
            .check(&fields.at("CPUSVN"), "a CPUSVN has 16 bytes");
    }
    svn
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
