//! The fuzz targets that read what TPMs write, driven by seeded mutations: the same on every machine.

mod mutate;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mutate::mutate;
use strongroom_attest::fuzz;

const OBJECTS: [&str; 2] = [
    include_str!("tpm/swtpm_rsa.json"),
    include_str!("tpm/swtpm_p256.json"),
];

#[test]
fn mutated_objects_neither_panic_nor_are_accepted() {
    for object in OBJECTS {
        mutate(object.as_bytes(), fuzz::parse_tpm_json);
    }
}

#[test]
fn mutated_structures_do_not_panic() {
    for object in OBJECTS {
        let object: serde_json::Value = serde_json::from_str(object).expect("JSON");
        for member in ["quote", "ak_public", "signature", "pcrs"] {
            if let Some(text) = object[member].as_str() {
                mutate(
                    &STANDARD.decode(text).expect("base64"),
                    fuzz::parse_tpm_structures,
                );
            }
        }
    }
    let registers: Vec<u8> = (0..24).flat_map(|pcr| [pcr; 33]).collect();
    mutate(&registers, fuzz::parse_tpm_structures);
    let name = "6e7acd3faa4089b046243ae8145321105a8889fb3075b426d4d47c2ad1a0d525";
    mutate(name.as_bytes(), fuzz::parse_tpm_structures);
}
