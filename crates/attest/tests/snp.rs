//! SEV-SNP under a root of the test's own: for every check one machine that differs from a good one in one thing, and fails
//! at that check alone.

#[path = "common/amd.rs"]
mod amd;

use std::sync::Arc;

use amd::{
    Authority, CHIP, Given, MILAN_TCB, Machine, NOW, failing, ia5, inspect, integer, list, set_extension,
    subject,
};
use strongroom_attest::platform::snp::{Generation, SigningKey as Kind};
use strongroom_attest::reference::{Exception, Expiry};
use strongroom_attest::{ParseError, Platform, PolicyError, ReferenceValues};
use strongroom_crypto::issue::vendor::{Constraints, RawExtension, Shape};
use strongroom_crypto::sign::SigningKey;
use strongroom_crypto::x509::KeyUsage;

fn milan() -> Machine {
    Machine::new(Generation::Milan, 3, Kind::Vcek)
}

fn vlek() -> Machine {
    Machine::new(Generation::Milan, 3, Kind::Vlek)
}

fn check(machine: &Machine, expected: &[&str]) {
    let report = machine.inspect();
    assert_eq!(failing(&report), expected, "{report}");
}

/// Every kind of machine that there is.
fn every() -> impl Iterator<Item = Machine> {
    let generations = [Generation::Milan, Generation::Genoa, Generation::Turin];
    generations.into_iter().flat_map(|generation| {
        let version =
            move |version| [Kind::Vcek, Kind::Vlek].map(|kind| Machine::new(generation, version, kind));
        [2, 3, 5].into_iter().flat_map(version)
    })
}

#[test]
fn good_machines_of_every_version_generation_and_kind_of_key_are_accepted() {
    for machine in every() {
        check(&machine, &[]);
    }
}

#[test]
fn the_form_of_a_report() {
    let version = |machine: Machine, number: u32| {
        machine.reporting(|it| it[..4].copy_from_slice(&number.to_le_bytes()))
    };
    check(&version(Machine::milan_v2(), 0), &["format.version"]);
    check(&version(Machine::milan_v2(), 1), &["format.version"]);
    check(&version(milan(), 4), &["format.version"]);
    let newest = || Machine::new(Generation::Turin, 5, Kind::Vcek);
    check(&version(newest(), 6), &["format.version"]);
    check(&version(newest(), u32::MAX), &["format.version"]);
    for algorithm in [0, 2, 0x0001_0001_u32] {
        let other = milan().reporting(|it| it[52..56].copy_from_slice(&algorithm.to_le_bytes()));
        check(&other, &["format.signature_algorithm"]);
    }
    for at in [76, 395, 415, 491, 495, 504, 671] {
        check(&milan().reporting(|it| it[at] = 1), &["format.reserved"]);
    }
    check(
        &Machine::milan_v2().reporting(|it| it[392] = 0x19),
        &["format.reserved"],
    );
    check(&newest().reporting(|it| it[520] = 1), &["format.reserved"]);
    let above: [fn(&mut [u8; 1184]); 3] = [|it| it[672 + 48] = 1, |it| it[744 + 71] = 1, |it| it[1183] = 1];
    for damage in above {
        check(&milan().with(|it| it.damage = damage), &["format.signature"]);
    }
    check(&milan().reporting(|it| it[10] &= !0b10), &["format.guest_policy"]);
}

#[test]
fn the_certificate_of_the_signing_key() {
    let without = |which: Given| milan().with(|it| it.given.retain(|given| *given != which));
    // None is given: then no root vouches for anything either.
    check(&without(Given::Vek), &["vek.certificate", "root"]);
    check(
        &Machine::milan_v2().with(|it| it.given.clear()),
        &["vek.certificate", "root"],
    );
    // One that cannot be read.
    let with = |last: &'static [u64], value: Vec<u8>| {
        milan().with(|it| set_extension(&mut it.vek, last, Some(value)))
    };
    check(&with(&[2], b"\x0c\x05Milan".to_vec()), &["vek.certificate"]);
    check(&with(&[3, 8], vec![2, 2, 1, 0]), &["vek.certificate"]);
    check(&with(&[3, 1], vec![2, 1, 0x84]), &["vek.certificate"]);
    check(&with(&[4], CHIP[..63].to_vec()), &["vek.certificate"]);
    check(&with(&[5], b"\x16\x03a\x1b[".to_vec()), &["vek.certificate"]);
    // A hardware id in an OCTET STRING of its own, as some certificates have it.
    check(&with(&[4], [&[4, 64][..], &CHIP].concat()), &[]);
}

#[test]
fn the_chain_to_the_root() {
    let alone = |machine: Machine| check(&machine, &["root"]);
    alone(milan().with(|it| it.given.retain(|given| *given != Given::Intermediate)));
    // A root that the policy names need not be given.
    check(&milan().with(|it| it.given.truncate(2)), &[]);
    // Without one only AMD's key is accepted, and this root has AMD's name alone.
    alone(milan().with(|it| it.policy.roots.clear()));
    // The policy's root has the same name and another key.
    alone(milan().with(|it| {
        let key = it.intermediate.key;
        let impostor = Authority {
            key,
            ..it.root.clone()
        };
        it.policy.roots = vec![impostor.self_signed().to_pem()];
    }));
    // So has the intermediate that is given.
    alone(milan().with(|it| {
        it.extra = vec![it.certificate(Given::Vek)];
        it.given.retain(|given| *given != Given::Vek);
        it.intermediate.key = vlek().intermediate.key;
    }));
    // Authorities that are none, or may have none below them, or ask for something unknown.
    let unknown = || RawExtension {
        oid: vec![1, 3, 6, 1, 4, 1, 3704, 99],
        critical: true,
        value: vec![5, 0],
    };
    for change in [
        (|shape| shape.constraints = Constraints::Leaf) as fn(&mut Shape),
        |shape| shape.constraints = Constraints::Absent,
        |shape| shape.key_usage = Some(KeyUsage::from_bits(64)),
    ] {
        alone(milan().with(|it| change(&mut it.intermediate.shape)));
        alone(milan().under(|root| change(&mut root.shape)));
    }
    alone(milan().under(|root| root.shape.constraints = Constraints::Authority(Some(0))));
    alone(milan().under(|root| root.shape.extensions.push(unknown())));
    alone(milan().with(|it| it.intermediate.shape.extensions.push(unknown())));
    alone(milan().with(|it| it.vek.extensions.push(unknown())));
    // A key that signs reports and certifies others.
    alone(milan().with(|it| it.vek.constraints = Constraints::Authority(None)));
}

#[test]
fn processor_certificate_and_root_are_of_one_generation() {
    let product = |machine: Machine, name: &str| {
        let value = ia5(name);
        machine.with(|it| set_extension(&mut it.vek, &[2], Some(value)))
    };
    check(&product(milan(), "Genoa"), &["generation"]);
    check(&product(Machine::milan_v2(), "Rome-B0"), &["generation"]);
    check(&product(milan(), "Rome-B0"), &["generation"]);
    for cpuid in [[0x19, 0xa0], [0x19, 0x50], [0x17, 0x31], [0, 0]] {
        check(
            &milan().reporting(|it| it[392..394].copy_from_slice(&cpuid)),
            &["generation"],
        );
    }
}

#[test]
fn the_certificate_is_for_this_kind_of_key() {
    let signed_by = |machine: Machine, number: u8| machine.reporting(|it| it[72] = 1 | number << 2);
    check(&signed_by(milan(), 1), &["vek.kind"]);
    check(&signed_by(vlek(), 0), &["vek.kind"]);
    for none in [2, 6, 7] {
        check(&signed_by(milan(), none), &["vek.kind"]);
    }
    // A VCEK that the authority of VLEKs certified, and the other way round.
    check(
        &milan().with(|it| it.intermediate.shape.subject = subject("SEV-VLEK-Milan")),
        &["vek.kind"],
    );
    check(
        &milan().with(|it| it.vek.subject = subject("SEV-VXEK")),
        &["vek.kind"],
    );
}

#[test]
fn the_certificate_is_for_this_chip() {
    check(&milan().reporting(|it| it[416 + 63] ^= 1), &["vek.hwid"]);
    check(&milan().reporting(|it| it[416..480].fill(0)), &["vek.hwid"]);
    check(
        &milan().with(|it| set_extension(&mut it.vek, &[4], None)),
        &["vek.hwid"],
    );
    // Turin's eight bytes are the whole id: zeros follow, and nothing else may.
    let turin = || Machine::new(Generation::Turin, 5, Kind::Vcek);
    check(&turin(), &[]);
    for at in [416, 416 + 7, 416 + 8, 416 + 63] {
        check(&turin().reporting(|it| it[at] ^= 1), &["vek.hwid"]);
    }
    // Zeros would be the id of every chip whose host masks it.
    check(
        &milan()
            .reporting(|it| it[416..480].fill(0))
            .with(|it| set_extension(&mut it.vek, &[4], Some(vec![0; 64]))),
        &["vek.hwid"],
    );
    // A VLEK names no chip, neither in its certificate nor in its report.
    check(
        &vlek().with(|it| set_extension(&mut it.vek, &[4], Some(CHIP.to_vec()))),
        &["vek.hwid"],
    );
    check(&vlek().reporting(|it| it[416] = 1), &["vek.hwid"]);
}

#[test]
fn a_vlek_is_some_providers_and_a_vcek_nobodys() {
    check(
        &vlek().with(|it| set_extension(&mut it.vek, &[5], None)),
        &["vek.csp_id"],
    );
    check(
        &vlek().with(|it| set_extension(&mut it.vek, &[5], Some(ia5("")))),
        &["vek.csp_id"],
    );
    check(
        &milan().with(|it| set_extension(&mut it.vek, &[5], Some(ia5("CN=x")))),
        &["vek.csp_id"],
    );
}

#[test]
fn each_field_of_the_reported_tcb_is_the_certificates() {
    for generation in [Generation::Milan, Generation::Genoa, Generation::Turin] {
        for kind in [Kind::Vcek, Kind::Vlek] {
            for place in 0..8 {
                let other = Machine::new(generation, 5, kind).reporting(|it| it[384 + place] ^= 1);
                check(&other, &["tcb.certificate"]);
            }
        }
    }
    // The other layout is plausible nonsense.
    let as_milan = Machine::new(Generation::Turin, 5, Kind::Vcek)
        .reporting(|it| it[384..392].copy_from_slice(&MILAN_TCB));
    check(&as_milan, &["tcb.certificate"]);
    let certified = |number: u64, version: Option<u8>| {
        milan().with(|it| set_extension(&mut it.vek, &[3, number], version.map(integer)))
    };
    check(&certified(8, Some(0xda)), &["tcb.certificate"]);
    check(&certified(8, None), &["tcb.certificate"]);
    check(&certified(4, Some(1)), &["tcb.certificate"]);
    // What is reserved may be left out.
    check(&certified(4, None), &[]);
}

#[test]
fn certificates_lie_within_their_time() {
    let ends = milan().vek.not_after;
    check(&milan().with(|it| it.now = ends), &[]);
    check(
        &milan().with(|it| it.now = ends.plus(1)),
        &["vek.certificate_time"],
    );
    let begins = milan().vek.not_before;
    check(&milan().with(|it| it.now = begins.minus(300)), &[]);
    check(
        &milan().with(|it| it.now = begins.minus(301)),
        &["vek.certificate_time"],
    );
    let authority = |change: fn(&mut Shape)| {
        check(
            &milan().with(|it| change(&mut it.intermediate.shape)),
            &["validity"],
        );
        check(&milan().under(|root| change(&mut root.shape)), &["validity"]);
    };
    authority(|shape| shape.not_after = NOW.minus(1));
    authority(|shape| shape.not_before = NOW.plus(301));
}

#[test]
fn revocation_lists() {
    let listed = |change: fn(&mut Machine)| milan().with(|it| it.lists = vec![list(&[&[7]])]).with(change);
    check(&listed(|_| {}), &[]);
    // The authority's own number, and the root's.
    check(
        &listed(|it| it.lists[0].revoked.push(vec![1, 0, 1])),
        &["crl.revoked"],
    );
    check(
        &listed(|it| it.lists[0].revoked.push(vec![1, 0, 0])),
        &["crl.revoked"],
    );
    // Number 0 is that of every signing key, so it names none; a key with a number of its own can be named.
    check(&listed(|it| it.lists[0].revoked.push(vec![0])), &[]);
    check(
        &listed(|it| {
            it.vek.serial = vec![5];
            it.lists[0].revoked.push(vec![5]);
        }),
        &["crl.revoked"],
    );
    // An older list, out of date or not, still revokes what it names.
    check(
        &listed(|it| {
            let mut older = list(&[&[1, 0, 1]]);
            older.this_update = NOW.minus(1_000_000);
            older.next_update = NOW.minus(500_000);
            it.lists.push(older);
        }),
        &["crl.revoked"],
    );
    check(
        &listed(|it| it.lists[0].next_update = NOW.minus(1)),
        &["crl.time"],
    );
    check(
        &listed(|it| it.lists[0].this_update = NOW.plus(301)),
        &["crl.time"],
    );
    // A list in the root's name that another key signed.
    check(
        &listed(|it| it.list_key = it.intermediate.key),
        &["crl.signature"],
    );
    // A root that may sign none.
    check(
        &listed(|it| {
            *it = it
                .clone()
                .under(|root| root.shape.key_usage = Some(KeyUsage::from_bits(32)));
        }),
        &["crl.signature"],
    );
    // A policy may ask for lists, and for recent ones.
    let required = |check: &str| {
        let check = check.to_owned();
        milan().with(|it| it.policy.required_checks.push(check))
    };
    for id in ["crl.signature", "crl.time", "crl.revoked", "crl.age"] {
        check(&required(id), &[id]);
    }
    let aged = |days: u32| listed(|_| {}).asked(&serde_json::json!({ "crl_age_days_max": days }));
    check(&aged(1), &[]);
    check(&aged(0), &["crl.age"]);
    // No list is no recent list.
    let unlisted = milan().asked(&serde_json::json!({ "crl_age_days_max": 1 }));
    check(&unlisted, &["crl.age"]);
}

/// A list does not say for which kind of key it is: whoever sends evidence would send the other one.
#[test]
fn revocation_lists_that_came_with_evidence_only_revoke() {
    let sent = |revoked: &[&[u8]], required: &str| {
        let machine = milan().with(|it| {
            it.lists = vec![list(revoked)];
            it.policy.required_checks = vec![required.to_owned()];
        });
        let own = milan().endorsements();
        let evidence = machine.enveloped_with_lists();
        failing(&inspect(
            &evidence,
            &own,
            &machine.policy,
            machine.report_data.as_deref(),
            machine.now,
        ))
    };
    for id in ["crl.time", "crl.revoked", "crl.age"] {
        assert_eq!(sent(&[&[7]], id), [id]);
    }
    assert_eq!(sent(&[&[1, 0, 1]], "signature"), ["crl.revoked"]);
}

#[test]
fn no_exception_is_made_before_there_is_a_policy() {
    let excused = milan().with(|it| {
        it.policy.exceptions = vec![Exception {
            check: "crl.time".to_owned(),
            found: None,
            owner: "Owner".to_owned(),
            reason: "the list is late".to_owned(),
            expires: Expiry(NOW.plus(60)),
        }];
    });
    let mut fields = excused.policy;
    fields.measurements = vec![strongroom_attest::Measurement::from([0; 48])];
    let refused = ReferenceValues::new(fields).expect_err("none can be made");
    assert!(matches!(refused, PolicyError::NoException(_)), "{refused}");
}

#[test]
fn the_signature_is_over_the_bytes_that_were_received() {
    for damage in [
        (|it| it[144] ^= 1) as fn(&mut [u8; 1184]), // measurement
        |it| it[352] ^= 1,                          // a field that no check reads
        |it| it[672] ^= 1,
        |it| it[744] ^= 1,
        |it| it[672..744].fill(0),
        |it| it[672..816].fill(0),
    ] {
        check(&milan().with(|it| it.damage = damage), &["signature"]);
    }
}

#[test]
fn no_flipped_bit_verifies() {
    for machine in [
        Machine::milan_v2(),
        Machine::new(Generation::Turin, 5, Kind::Vcek),
        vlek(),
    ] {
        let endorsements = machine.endorsements();
        let good = machine.signed_report();
        for at in 0..good.len() {
            let mut flipped = good;
            flipped[at] ^= 1 << (at % 8);
            let evidence = strongroom_attest::Evidence::read_native(Some(Platform::Snp), &flipped, None);
            let evidence = evidence.expect("a report, by its length");
            let report = amd::inspect(&evidence, &endorsements, &machine.policy, None, NOW);
            assert!(
                failing(&report)
                    .iter()
                    .any(|id| matches!(*id, "signature" | "format.signature")),
                "byte {at}"
            );
        }
    }
}

#[test]
fn other_lengths_are_damaged_reports() {
    let whole = milan().signed_report();
    for bytes in [&whole[..1183], &whole[..600], &[&whole[..], &[0]].concat()] {
        for platform in [None, Some(Platform::Snp)] {
            let refused =
                strongroom_attest::Evidence::read_native(platform, bytes, None).expect_err("damaged");
            assert!(
                matches!(
                    refused,
                    ParseError::Body {
                        platform: Platform::Snp,
                        ..
                    }
                ),
                "{refused:?}"
            );
        }
    }
    let refused = strongroom_attest::Evidence::read_native(None, &whole, Some(b"log")).expect_err("a log");
    assert!(refused.to_string().contains("no event log"), "{refused}");
}

#[test]
fn the_certificate_that_fits_is_chosen_among_many() {
    // Certificates of other chips, other TCB versions and other kinds lie beside the right one, and before it.
    let right = milan();
    let mut endorsements = strongroom_attest::Endorsements::none();
    for other in [
        milan().with(|it| set_extension(&mut it.vek, &[4], Some(vec![7; 64]))),
        milan().with(|it| set_extension(&mut it.vek, &[3, 8], Some(integer(1)))),
        milan().with(|it| it.vek.not_after = NOW.minus(1)),
        vlek(),
        Machine::new(Generation::Genoa, 3, Kind::Vcek),
    ] {
        endorsements = endorsements.and(&other.endorsements());
    }
    let endorsements = endorsements.and(&right.endorsements());
    let report = amd::inspect(&right.native(), &endorsements, &right.policy, None, NOW);
    assert!(failing(&report).is_empty(), "{report}");
    // VLEKs of several regions name no chip: the one whose key signed is chosen.
    let another = SigningKey::generate_p384();
    let elsewhere =
        vlek().with(|it| set_extension(&mut it.vek, &[5], Some(ia5("CN=cc-eu-west-1.amazonaws.com"))));
    let endorsements = Machine {
        vek_key: Arc::new(another),
        ..elsewhere
    }
    .endorsements();
    let right = vlek();
    let report = amd::inspect(&right.native(), &endorsements, &right.policy, None, NOW);
    assert_eq!(failing(&report), ["signature"], "{report}");
    let endorsements = endorsements.and(&right.endorsements());
    let report = amd::inspect(&right.native(), &endorsements, &right.policy, None, NOW);
    assert!(failing(&report).is_empty(), "{report}");
}
