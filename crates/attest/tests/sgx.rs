//! What is asked of SGX enclaves beside what is asked of every quote, under a root of the test's own.

mod intel;

use intel::certificates::{PCE_SVN, SVNS};
use intel::quote::{MRENCLAVE, MRSIGNER};
use intel::{Machine, check};
use serde_json::json;
use strongroom_crypto::digest::Digest32;

fn flags(flags: u64) -> Machine {
    Machine::sgx().body_at(48, &flags.to_le_bytes())
}

#[test]
fn debug_mode_is_refused_and_the_rest_still_told() {
    check(&flags(0x07), &["debug"]);
    let package = flags(0x07).with(|it| it.policy.debug = true);
    // A policy cannot accept it: the field is never written.
    check(&package, &["debug"]);
}

#[test]
fn attributes_are_as_asked() {
    check(&flags(0x04), &["sgx_attributes.init"]);
    for (name, flag) in [("provision_key", 0x10), ("einittoken_key", 0x20), ("kss", 0x80)] {
        let id = format!("sgx_attributes.{name}");
        let asked =
            |set: u64, demand: &str| flags(0x05 | set).asked(&json!({ "attributes": { name: demand } }));
        check(&flags(0x05 | flag), &[]);
        check(&asked(flag, "set"), &[]);
        check(&asked(0, "clear"), &[]);
        check(&asked(flag, "clear"), &[&id]);
        check(&asked(0, "set"), &[&id]);
    }
    let masked = |value: &str, mask: &str| {
        let bytes = |text: &str| format!("{text}{}", "00".repeat(16 - text.len() / 2));
        Machine::sgx()
            .asked(&json!({ "attributes": { "value": { "value": bytes(value), "mask": bytes(mask) } } }))
    };
    check(&masked("05", "ff"), &[]);
    check(&masked("07", "05"), &[]);
    check(&masked("07", "07"), &["sgx_attributes.value"]);
    check(&masked("0500000000000000e7", "ffffffffffffffffff"), &[]);
    check(
        &masked("0500000000000000e6", "ffffffffffffffffff"),
        &["sgx_attributes.value"],
    );
    let misc = |bytes: &[u8]| {
        let asked = json!({ "attributes": { "misc_select": { "value": "01000000", "mask": "ffffffff" } } });
        Machine::sgx().body_at(16, bytes).asked(&asked)
    };
    check(&misc(&[1, 0, 0, 0]), &[]);
    check(&misc(&[0, 0, 0, 1]), &["sgx_attributes.misc_select"]);
}

#[test]
fn the_enclave_is_the_one_that_is_expected() {
    let measured =
        |bytes: [u8; 32]| Machine::sgx().with(|it| it.policy.measurements = vec![Digest32(bytes).into()]);
    check(&measured(MRENCLAVE), &[]);
    let mut other = MRENCLAVE;
    other[31] ^= 1;
    check(&measured(other), &["measurement"]);
    let signed = |bytes: [u8; 32], product: u64, least: u64| {
        Machine::sgx().with(|it| {
            it.policy.signers = vec![Digest32(bytes)];
            it.policy.product = Some(product);
            it.policy.security_version_min = Some(least);
        })
    };
    check(&signed(MRSIGNER, 7, 3), &[]);
    check(&signed(MRSIGNER, 7, 2), &[]);
    let mut other = MRSIGNER;
    other[0] ^= 1;
    check(&signed(other, 7, 3), &["signer"]);
    check(&signed(MRSIGNER, 6, 3), &["product"]);
    check(&signed(MRSIGNER, 7, 4), &["security_version"]);
}

#[test]
fn what_is_fixed_when_the_enclave_starts() {
    let asked = |member: &str, value: String| Machine::sgx().asked(&json!({ member: [value] }));
    let config = |byte: u8| hex::encode([byte; 64]);
    let with = |machine: Machine| {
        machine
            .body_at(192, &[9; 64])
            .body_at(304, &[8; 16])
            .body_at(32, &[7; 16])
    };
    check(&with(asked("config_ids", config(9))), &[]);
    check(&asked("config_ids", config(0)), &[]);
    check(&with(asked("config_ids", config(0))), &["config_id"]);
    check(&with(asked("family_ids", hex::encode([8; 16]))), &[]);
    check(&asked("family_ids", hex::encode([8; 16])), &["family_id"]);
    check(&with(asked("extended_product_ids", hex::encode([7; 16]))), &[]);
    check(
        &asked("extended_product_ids", hex::encode([7; 16])),
        &["extended_product_id"],
    );
    let svn = |found: u8| {
        Machine::sgx()
            .body_at(260, &[found])
            .asked(&json!({ "config_svn_min": 4 }))
    };
    check(&svn(4), &[]);
    check(&svn(3), &["config_svn"]);
}

#[test]
fn floors_of_the_platform() {
    let asked = |policy: serde_json::Value| Machine::sgx().asked(&policy);
    let cpu = |at: usize, more: u8| {
        let mut least = SVNS;
        least[at] += more;
        asked(json!({ "cpu_svn_min": hex::encode(least) }))
    };
    check(&cpu(0, 0), &[]);
    check(&cpu(0, 1), &["hardware.cpu_svn"]);
    check(&cpu(15, 1), &["hardware.cpu_svn"]);
    check(&asked(json!({ "pce_svn_min": PCE_SVN })), &[]);
    check(
        &asked(json!({ "pce_svn_min": PCE_SVN + 1 })),
        &["hardware.pce_svn"],
    );
}

#[test]
fn report_data_is_compared_with_the_zeros_behind_it() {
    let given = |data: &[u8]| Machine::sgx().with(|it| it.report_data = Some(data.to_vec()));
    check(&given(&[0x28; 64]), &[]);
    check(&given(&[0x28; 63]), &["binding"]);
    check(&given(&[0x29; 64]), &["binding"]);
    let hashed = |last: u8| given(&[0x28; 32]).body_at(352, &[0; 32]).body_at(383, &[last]);
    check(&hashed(0), &[]);
    check(&hashed(1), &["binding"]);
}
