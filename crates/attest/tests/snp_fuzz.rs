//! The fuzz target of SEV-SNP, driven by seeded mutations: the same on every machine.

#[path = "common/amd.rs"]
mod amd;
mod mutate;

use std::sync::LazyLock;

use amd::{Given, Machine};
use mutate::mutate;
use strongroom_attest::fuzz;
use strongroom_attest::platform::snp::{Generation, SigningKey as Kind};

/// Signed by a key whose certificate is the one that is mutated.
static REPORT: LazyLock<[u8; 1184]> = LazyLock::new(|| Machine::milan_v2().signed_report());

#[test]
fn mutated_reports_and_certificates_neither_panic_nor_hang_on_amds_root() {
    for machine in [
        Machine::milan_v2(),
        Machine::new(Generation::Turin, 5, Kind::Vcek),
        Machine::new(Generation::Genoa, 3, Kind::Vlek),
    ] {
        let report = machine.signed_report();
        let vek = machine.certificate(Given::Vek);
        mutate(&[&report[..], vek.der()].concat(), fuzz::inspect_snp);
        // The certificate alone: beside the report it is changed less often than it deserves.
        mutate(vek.der(), |der| fuzz::inspect_snp(&[&REPORT[..], der].concat()));
    }
}

#[test]
fn mutated_chains_do_not_either() {
    let machine = Machine::milan_v2();
    let chain: String = [Given::Vek, Given::Intermediate, Given::Root]
        .map(|which| machine.certificate(which).to_pem())
        .concat();
    mutate(&[&REPORT[..], chain.as_bytes()].concat(), fuzz::inspect_snp);
}
