//! Quotes of SGX and TDX under a root of the test's own: for every check of the quote and of its quoting enclave one machine
//! that differs from a good one in one thing, and fails at that check alone.

mod intel;

use intel::certificates::{Key, Pki, pair};
use intel::collateral::QE_SIGNER;
use intel::quote::{Kind, VENDOR};
use intel::{Machine, NOW, check, failing};
use strongroom_attest::{Evidence, ParseError, Platform};

fn each() -> impl Iterator<Item = Machine> {
    Kind::ALL.into_iter().map(Machine::new)
}

#[test]
fn good_machines_of_every_version_and_body_are_accepted() {
    for machine in each() {
        check(&machine, &[]);
        let inspected = machine.inspect();
        let tcb = inspected.tcb().expect("a status");
        assert_eq!((tcb.status.as_str(), tcb.advisories.len()), ("UpToDate", 0));
        // Collateral inside the envelope does as well.
        let bare = machine.clone().with(|it| it.has_collateral = false);
        let report = intel::inspect(
            &machine.envelope(),
            &bare.endorsements(),
            &machine.policy,
            None,
            NOW,
        );
        assert_eq!(failing(&report), [""; 0], "{report}");
    }
}

fn refused(machine: &Machine) -> &'static str {
    match machine.try_evidence() {
        Err(ParseError::Body { platform, what }) if platform == machine.kind.platform() => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_quote_cut_anywhere_is_damaged_evidence() {
    for machine in each() {
        let quote = machine.quote();
        for length in (64..quote.len()).step_by(64).chain([8, 47, 48, quote.len() - 1]) {
            let cut = Evidence::read_native(None, &quote[..length], None);
            assert!(
                matches!(cut, Err(ParseError::Body { .. })),
                "{length} bytes: {cut:?}"
            );
        }
    }
}

#[test]
fn versions_tee_types_bodies_and_key_types_come_in_pairs() {
    let header = |kind, at: usize, byte| Machine::new(kind).with(|it| it.header[at] = byte);
    assert_eq!(
        refused(&header(Kind::Td10, 4, 0)),
        "its TEE type is that of another platform"
    );
    assert_eq!(refused(&header(Kind::Td10, 4, 0x82)), "its TEE type is unknown");
    assert_eq!(
        refused(&header(Kind::Sgx, 0, 4)),
        "a quote of SGX has version 3, this one another"
    );
    assert_eq!(
        refused(&header(Kind::Sgx, 0, 5)),
        "a quote of SGX has version 3, this one another"
    );
    assert_eq!(
        refused(&header(Kind::Td10, 0, 3)),
        "a quote of TDX has version 4 or 5, this one another"
    );
    assert_eq!(
        refused(&header(Kind::Td10, 0, 6)),
        "a quote of TDX has version 4 or 5, this one another"
    );
    assert_eq!(
        refused(&header(Kind::Td15, 2, 3)),
        "its attestation key is not of type 2, ECDSA on P-256"
    );
    // A body of TDX 1.0 under the type of TDX 1.5, and the other way round.
    assert_eq!(
        refused(&header(Kind::Td10V5, 48, 3)),
        "its body has not the size of its type"
    );
    assert_eq!(
        refused(&header(Kind::Td15, 48, 2)),
        "its body has not the size of its type"
    );
    assert_eq!(
        refused(&header(Kind::Td15, 48, 1)),
        "its body is that of an SGX enclave"
    );
    assert_eq!(
        refused(&header(Kind::Td15, 48, 5)),
        "its body is of an unknown type"
    );
    assert_eq!(
        refused(&header(Kind::Td15Ex, 50, 0x74)),
        "its body has not the size of its type"
    );
}

#[test]
fn lengths_inside_the_quote_are_held_against_what_there_is() {
    let body_end = |kind: Kind| if kind == Kind::Sgx { 48 + 384 } else { 48 + 584 };
    for kind in [Kind::Sgx, Kind::Td10] {
        let at = body_end(kind);
        let quote = Machine::new(kind).quote();
        let mut long = quote.clone();
        long[at + 3] = 0xff;
        let read = |quote: &[u8]| Evidence::read_native(None, quote, None);
        assert!(
            matches!(read(&long), Err(ParseError::Body { .. })),
            "signature data"
        );
        let mut short = quote.clone();
        short[at..at + 4].copy_from_slice(&64_u32.to_le_bytes());
        assert!(
            matches!(read(&short), Err(ParseError::Body { .. })),
            "signature alone"
        );
        let inner = at + 4 + 128 + if kind == Kind::Sgx { 0 } else { 6 };
        let mut authentication = quote.clone();
        authentication[inner + 448..inner + 450].copy_from_slice(&[0xff, 0xff]);
        assert!(
            matches!(read(&authentication), Err(ParseError::Body { .. })),
            "authentication data"
        );
        let mut certification = quote.clone();
        certification[inner + 450 + 32 + 2 + 3] = 0xff;
        assert!(
            matches!(read(&certification), Err(ParseError::Body { .. })),
            "certification data"
        );
    }
    let mut outer = Machine::new(Kind::Td10).quote();
    outer[body_end(Kind::Td10) + 4 + 128] = 5;
    let refused = Evidence::read_native(None, &outer, None).expect_err("no QE report");
    assert!(
        refused
            .to_string()
            .contains("holds no report of the quoting enclave"),
        "{refused}"
    );
}

#[test]
fn zeros_behind_the_quote_are_padding_and_anything_else_is_refused() {
    for machine in each() {
        let padded = machine
            .clone()
            .with(|it| it.damage = |quote| quote.resize(8000, 0));
        check(&padded, &[]);
        let signed = machine
            .clone()
            .with(|it| it.damage = |quote| quote.extend_from_slice(b"signed: me"));
        check(&signed, &["format.trailing_bytes"]);
        let far = machine.with(|it| {
            it.damage = |quote| {
                quote.resize(7999, 0);
                quote.push(1);
            }
        });
        check(&far, &["format.trailing_bytes"]);
    }
}

#[test]
fn another_vendors_quoting_enclave_is_refused() {
    for machine in each() {
        for at in 0..VENDOR.len() {
            check(
                &machine.clone().with(|it| it.header[12 + at] ^= 1),
                &["format.qe_vendor"],
            );
        }
    }
}

#[test]
fn certification_data_is_a_chain_of_three_with_intels_extension() {
    let refused = |machine: &Machine, why: &str| {
        let report = machine.inspect();
        assert_eq!(failing(&report), ["pck.certificate", "root"], "{report}");
        assert!(report.to_string().contains(why), "{report}");
    };
    let data = |data: Vec<u8>| Machine::tdx().with(|it| it.certification_data = Some(data));
    for kind in [1, 2, 3] {
        let other = data(vec![7; 384]).with(|it| it.certification_type = kind);
        refused(&other, "the platform's PPID instead of its certificate");
    }
    refused(
        &data(Vec::new()).with(|it| it.certification_type = 7),
        "certification data of type 7",
    );
    refused(&data(Vec::new()), "0 certificates");
    let no_certificate = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    refused(&data(no_certificate.to_vec()), "certificates that cannot be read");
    refused(&data(vec![0xff; 64]), "bytes that are no PEM");
    refused(&data(vec![b'\n'; 33 * 1024]), "33792 bytes");
    let chain = Pki::good().chain();
    let end = chain.rfind("-----BEGIN").expect("three");
    refused(&data(chain.as_bytes()[..end].to_vec()), "2 certificates");
    refused(
        &data([chain.as_bytes(), &chain.as_bytes()[end..]].concat()),
        "4 certificates",
    );
    let ca = Pki::good().ca.issue().to_pem();
    refused(
        &data([ca.clone(), ca.clone(), ca].concat().into_bytes()),
        "without Intel's extension",
    );
    let extension = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut raw = Pki::good().extension.to_der();
        change(&mut raw);
        Machine::tdx().with(|it| it.pki.extension.raw = Some(raw))
    };
    refused(
        &extension(&|raw| raw.truncate(100)),
        "Intel's extension cannot be read",
    );
    refused(&extension(&|raw| raw.push(0)), "Intel's extension cannot be read");
    refused(
        &extension(&|raw| *raw = vec![0x30, 0]),
        "Intel's extension has no readable TCB",
    );
    let without = |change: fn(&mut intel::certificates::Extension)| {
        Machine::tdx().with(|it| change(&mut it.pki.extension))
    };
    refused(
        &without(|it| it.ppid.truncate(8)),
        "Intel's extension has no PPID",
    );
    refused(
        &without(|it| it.sgx_type = 3),
        "Intel's extension has no known SGX type",
    );
    // The same member twice.
    let twice = extension(&|raw| {
        let member = pair(&[5], &[10, 1, 1]);
        let content = [&raw[4..], &member].concat();
        *raw = intel::certificates::der(0x30, &content);
    });
    refused(&twice, "Intel's extension cannot be read");
}

#[test]
fn the_platform_vouches_for_its_quoting_enclave() {
    for machine in each() {
        check(
            &machine.clone().with(|it| it.qe_signed_by = Key::Other),
            &["qe.report_signature"],
        );
        // The block of another quote: the same enclave, another attestation key.
        check(
            &machine.clone().with(|it| it.qe_vouches_for = Key::Other),
            &["qe.report_data"],
        );
        check(&machine.clone().qe_at(320, &[1]), &["qe.report_data"]);
        check(&machine.clone().qe_at(383, &[1]), &["qe.report_data"]);
        // The data that the enclave vouches for with the key, changed after it signed.
        let inner = machine.header.len()
            + machine.body.len()
            + 4
            + 128
            + if machine.kind == Kind::Sgx { 0 } else { 6 };
        let mut quote = machine.quote();
        quote[inner + 450] ^= 1;
        let evidence = Evidence::read_native(None, &quote, None).expect("a quote");
        let report = intel::inspect(&evidence, &machine.endorsements(), &machine.policy, None, NOW);
        assert_eq!(failing(&report), ["qe.report_data"], "{report}");
        // Any length of it will do.
        check(&machine.clone().with(|it| it.qe_authentication_data.clear()), &[]);
        check(&machine.with(|it| it.qe_authentication_data = vec![9; 1000]), &[]);
    }
}

#[test]
fn the_quoting_enclave_is_the_one_that_intel_names() {
    for machine in each() {
        let qe = |at: usize, bytes: &[u8]| machine.clone().qe_at(at, bytes);
        let mut other = QE_SIGNER;
        other[31] ^= 1;
        check(&qe(128, &other), &["qe.mrsigner"]);
        check(&qe(256, &[9]), &["qe.isv_prod_id"]);
        check(&qe(16, &[1]), &["qe.misc_select"]);
        check(&qe(48, &[0x35]), &["qe.attributes"]);
        // Bits outside the mask do not count.
        check(&qe(48, &[0x11]), &[]);
        check(&qe(56, &[0xff]), &[]);
        check(&qe(258, &[5]), &["qe.no_matching_level"]);
        check(&qe(258, &[9]), &[]);
        let debug = qe(48, &[0x17]);
        check(&debug, &["qe.debug", "qe.attributes"]);
        // An identity that allows debug mode allows nothing.
        let allowed = debug.with(|it| it.qe_identity["attributesMask"] = "00".repeat(16).into());
        check(&allowed, &["qe.debug"]);
    }
}

#[test]
fn the_attestation_key_signed_the_quote() {
    for machine in each() {
        let other = machine.clone().with(|it| {
            it.attestation_key = Key::Other;
            it.qe_vouches_for = Key::Other;
        });
        check(&other, &[]);
        let signed = machine.header.len() + machine.body.len();
        let mut quote = machine.quote();
        quote[signed + 4] ^= 1;
        let evidence = Evidence::read_native(None, &quote, None).expect("a quote");
        let report = intel::inspect(&evidence, &machine.endorsements(), &machine.policy, None, NOW);
        assert_eq!(failing(&report), ["signature"], "{report}");
    }
}

/// Every byte of header, body, signature, attestation key and the quoting enclave's block, one bit of it changed.
#[test]
fn no_flipped_bit_of_what_is_signed_verifies() {
    for machine in each() {
        let (quote, endorsements) = (machine.quote(), machine.endorsements());
        let signed = machine.header.len() + machine.body.len();
        let block = signed + 4 + 128 + if machine.kind == Kind::Sgx { 0 } else { 6 };
        let regions = (0..signed)
            .chain(signed + 4..signed + 132)
            .chain(block..block + 448 + 2 + 32);
        for at in regions {
            let mut flipped = quote.clone();
            flipped[at] ^= 1 << (at % 8);
            let Ok(evidence) = Evidence::read_native(Some(machine.kind.platform()), &flipped, None) else {
                continue;
            };
            let report = intel::inspect(&evidence, &endorsements, &machine.policy, None, NOW);
            assert!(!failing(&report).is_empty(), "byte {at} of {:?}", machine.kind);
        }
    }
}

#[test]
fn an_open_enclave_header_changes_nothing() {
    let quote = Machine::sgx().quote();
    let length = u64::try_from(quote.len()).expect("small").to_le_bytes();
    let wrapped = [&[1, 0, 0, 0, 2, 0, 0, 0][..], &length, &quote].concat();
    let machine = Machine::sgx();
    for evidence in [
        Evidence::read_native(None, &wrapped, None).expect("a quote"),
        Evidence::parse_marblerun(&wrapped).expect("a quote"),
    ] {
        assert_eq!(evidence.platform(), Platform::Sgx);
        let report = intel::inspect(&evidence, &machine.endorsements(), &machine.policy, None, NOW);
        assert_eq!(failing(&report), [""; 0], "{report}");
    }
}

#[test]
fn a_part_that_does_not_belong_to_a_quote_is_refused() {
    use strongroom_attest::Parts;
    use strongroom_attest::parts::Tag;
    let parts = |tag: Tag, part: &[u8]| Parts::new(Machine::sgx().quote()).with(tag, part.to_vec());
    let refused = |parts: &Parts| {
        Evidence::from_parts(Platform::Sgx, parts)
            .expect_err("refused")
            .to_string()
    };
    assert!(refused(&parts(Tag::EventLog, b"log")).contains("no event log belongs to an SGX quote"));
    assert!(refused(&parts(Tag::Pcrs, b"")).contains("it has a part that no DCAP evidence has"));
    assert!(refused(&parts(Tag::Collateral, b"{}")).contains("collateral beside the quote cannot be read"));
    let log = Evidence::read_native(None, &Machine::sgx().quote(), Some(b"log")).expect_err("refused");
    assert!(log.to_string().contains("no event log belongs to an SGX quote"));
}
