//! The fuzz targets of SGX and TDX, driven by seeded mutations: the same on every machine.

mod intel;
mod mutate;

use intel::Machine;
use intel::quote::Kind;
use mutate::mutate;
use strongroom_attest::fuzz;

/// As the target wants them: the quote's length, the quote, the collateral.
fn together(machine: &Machine) -> Vec<u8> {
    let quote = machine.quote();
    let length = u32::try_from(quote.len()).expect("small").to_le_bytes();
    [&length[..], &quote, machine.collateral().as_bytes()].concat()
}

#[test]
fn mutated_quotes_neither_panic_nor_hang_on_intels_root() {
    for kind in Kind::ALL {
        mutate(&Machine::new(kind).quote(), fuzz::inspect_dcap_quote);
    }
}

#[test]
fn mutated_collateral_does_not_either() {
    for kind in [Kind::Sgx, Kind::Td15Ex] {
        mutate(&together(&Machine::new(kind)), fuzz::inspect_dcap_collateral);
    }
}
