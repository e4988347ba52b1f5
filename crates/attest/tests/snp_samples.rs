//! A report of real hardware, and certificates of real chips, under AMD's own roots: the samples of the crate `sev`. And
//! what reports of verifications look like.

#[path = "common/amd.rs"]
mod amd;
mod samples;

use std::path::PathBuf;
use std::sync::LazyLock;

use amd::{Machine, failing, set_extension};
use samples::compare;
use strongroom_attest::platform::snp::{Generation, SigningKey as Kind};
use strongroom_attest::reference::Fields;
use strongroom_attest::{Endorsements, Evidence, Platform, Report};
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::Certificate;

static SEV: LazyLock<PathBuf> = LazyLock::new(|| samples::package("sev"));

/// Within the time of the Milan chip's certificate: 2023-10-01.
const MILAN_TIME: UnixTime = UnixTime(1_696_118_400);

fn file(name: &str) -> Vec<u8> {
    std::fs::read(SEV.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn endorsements(names: &[&str]) -> Endorsements {
    let mut endorsements = Endorsements::none();
    for name in names {
        endorsements
            .add(&file(&format!("tests/certs_data/{name}")))
            .expect("an endorsement");
    }
    endorsements
}

fn milan_report() -> Vec<u8> {
    hex::decode(file("tests/certs_data/report_milan.hex").trim_ascii()).expect("hexadecimal")
}

fn inspect(report: &[u8], endorsements: &Endorsements, now: UnixTime) -> Report {
    let evidence = Evidence::read_native(None, report, None).expect("a report");
    amd::inspect(&evidence, endorsements, &Fields::of(Platform::Snp), None, now)
}

#[test]
fn a_genuine_report_is_accepted_under_amds_root() {
    let endorsements = endorsements(&["vcek_milan.der", "cert_chain_milan"]);
    let report = inspect(&milan_report(), &endorsements, MILAN_TIME);
    assert!(failing(&report).is_empty(), "{report}");
    compare("snp_sample_milan.txt", &format!("{report}\n"));
    let json = serde_json::to_string_pretty(&report).expect("JSON");
    compare("snp_sample_milan.json", &format!("{json}\n"));
    // Seven years later it is not.
    let late = inspect(
        &milan_report(),
        &endorsements,
        MILAN_TIME.plus(7 * 366 * 24 * 3600),
    );
    assert_eq!(failing(&late), ["vek.certificate_time"], "{late}");
}

#[test]
fn no_flipped_bit_of_a_genuine_report_verifies() {
    let endorsements = endorsements(&["vcek_milan.der", "cert_chain_milan"]);
    let genuine = milan_report();
    for at in 0..genuine.len() {
        let mut flipped = genuine.clone();
        flipped[at] ^= 1 << (at % 8);
        let evidence =
            Evidence::read_native(Some(Platform::Snp), &flipped, None).expect("a report, by its length");
        let report = amd::inspect(
            &evidence,
            &endorsements,
            &Fields::of(Platform::Snp),
            None,
            MILAN_TIME,
        );
        let refused = failing(&report);
        assert!(
            refused
                .iter()
                .any(|id| matches!(*id, "signature" | "format.signature")),
            "byte {at}"
        );
    }
}

#[test]
fn amds_root_keys_are_pinned_and_their_names_are_worth_nothing() {
    for generation in [Generation::Milan, Generation::Genoa, Generation::Turin] {
        let folder = generation.name().to_lowercase();
        let root = file(&format!("src/certs/snp/builtin/{folder}/ark.pem"));
        let root = Certificate::parse_pem(std::str::from_utf8(&root).expect("PEM")).expect("a certificate");
        assert_eq!(Generation::of_root_key(root.spki_der()), Some(generation));
        // A chain of the same names, by keys of somebody else.
        let forged = Machine::new(generation, 5, Kind::Vcek).with(|it| it.policy.roots.clear());
        assert_eq!(
            forged.certificate(amd::Given::Root).subject_cn(),
            root.subject_cn()
        );
        assert_eq!(forged.failing(), ["root"]);
        // The right root beside it changes nothing.
        assert_eq!(forged.with(|it| it.extra.push(root)).failing(), ["root"]);
    }
}

#[test]
fn a_chain_of_another_generation_is_refused() {
    // A genuine report of Milan, and the chain of Turin: the authority is missing, whatever else is given.
    let others = endorsements(&["vcek_milan.der", "cert_chain_turin"]);
    assert_eq!(failing(&inspect(&milan_report(), &others, MILAN_TIME)), ["root"]);
    // With Turin's certificate as well, all of the chain is genuine and of one generation, and the report is of another.
    let turins = endorsements(&["vcek_turin.der", "cert_chain_turin"]);
    let vek = turins.certificates().first().expect("the chip's").clone();
    let now = vek.not_before().plus(1);
    let refused = failing(&inspect(&milan_report(), &turins, now));
    assert!(
        refused.contains(&"vek.hwid") && refused.contains(&"signature"),
        "{refused:?}"
    );
    assert!(!refused.contains(&"root"), "{refused:?}");
}

#[test]
fn a_genuine_certificate_vouches_for_no_report_of_somebody_elses() {
    // A report that says all that Turin's certificate says, signed by another key.
    let turins = endorsements(&["vcek_turin.der", "cert_chain_turin"]);
    let vek = turins.certificates().first().expect("the chip's");
    let stated = |oid: &str| vek.extension(oid).expect("one of AMD's").to_vec();
    let version = |number: u8| {
        *stated(&format!("1.3.6.1.4.1.3704.1.3.{number}"))
            .last()
            .expect("a number")
    };
    let forged = Machine::new(Generation::Turin, 5, Kind::Vcek).reporting(|it| {
        it[416..424].copy_from_slice(&stated("1.3.6.1.4.1.3704.1.4"));
        for (place, number) in [(0, 9), (1, 1), (2, 2), (3, 3), (7, 8)] {
            it[384 + place] = version(number);
        }
    });
    let report = inspect(&forged.signed_report(), &turins, vek.not_before().plus(1));
    assert_eq!(failing(&report), ["signature"], "{report}");
}

#[test]
fn reports_of_a_genoa_guest_in_debug_mode_and_of_a_vlek_behind_a_paravisor() {
    let stable = |machine: &Machine, text: String| {
        let root = Certificate::parse_pem(&machine.policy.roots[0]).expect("a root");
        text.replace(&strongroom_crypto::digest::sha256(root.der()).to_string(), "ROOT") + "\n"
    };
    let genoa = Machine::new(Generation::Genoa, 5, Kind::Vcek)
        .reporting(|it| it[10] |= 1 << 3)
        .with(|it| it.lists = vec![amd::list(&[])]);
    assert_eq!(genoa.failing(), ["debug"]);
    compare(
        "snp_genoa_debug.txt",
        &stable(&genoa, genoa.inspect().to_string()),
    );
    let json = serde_json::to_string_pretty(&genoa.inspect()).expect("JSON");
    compare("snp_genoa_debug.json", &stable(&genoa, json));
    let vlek = Machine::new(Generation::Milan, 3, Kind::Vlek)
        .reporting(|it| it[48] = 1)
        .asked(&serde_json::json!({
            "csp_ids": [amd::CSP_ID],
            "denied_generations": ["genoa"],
            "tcb_min": { "milan": { "bootloader": 4, "snp": 24, "microcode": 219 } },
            "required_platform_info": ["alias_check_complete", "ciphertext_hiding"],
        }));
    let refused = [
        "vmpl",
        "platform_info",
        "tcb.reported",
        "tcb.committed",
        "tcb.launch",
    ];
    assert_eq!(vlek.failing(), refused);
    compare("snp_milan_vlek.txt", &stable(&vlek, vlek.inspect().to_string()));
    // The certificate of another TCB version, which is what is fetched most often by mistake.
    let turin = Machine::new(Generation::Turin, 5, Kind::Vcek)
        .with(|it| set_extension(&mut it.vek, &[3, 3], Some(amd::integer(5))));
    assert_eq!(turin.failing(), ["tcb.certificate"]);
    compare(
        "snp_turin_other_tcb.txt",
        &stable(&turin, turin.inspect().to_string()),
    );
}
