//! Quotes of real hardware under Intel's own root: the samples of the crate `dcap-qvl`. And what reports of verifications
//! look like.

mod intel;
mod samples;

use std::path::PathBuf;
use std::sync::LazyLock;

use intel::certificates::Key;
use intel::quote::Kind;
use intel::{Machine, failing};
use samples::compare;
use strongroom_attest::platform::dcap::vouched_evaluation;
use strongroom_attest::reference::Fields;
use strongroom_attest::{Endorsements, Evidence, Platform, Report, Roots};
use strongroom_crypto::time::UnixTime;

static SAMPLES: LazyLock<PathBuf> = LazyLock::new(|| samples::package("dcap-qvl").join("sample"));

fn file(name: &str) -> Vec<u8> {
    std::fs::read(SAMPLES.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// 2025-07-04, and a time in autumn 2026.
const SUMMER_2025: UnixTime = UnixTime(1_751_624_924);
const AUTUMN_2026: UnixTime = UnixTime(1_792_714_008);

struct Sample {
    quote: Vec<u8>,
    endorsements: Endorsements,
    platform: Platform,
    now: UnixTime,
}

fn sample(quote: &str, collateral: &str, platform: Platform, now: UnixTime) -> Sample {
    let mut endorsements = Endorsements::none();
    endorsements.add(&file(collateral)).expect("collateral");
    Sample {
        quote: file(quote),
        endorsements,
        platform,
        now,
    }
}

fn sgx() -> Sample {
    sample(
        "sgx_quote",
        "sgx_quote_collateral.json",
        Platform::Sgx,
        SUMMER_2025,
    )
}

fn tdx() -> Sample {
    sample(
        "tdx_quote",
        "tdx_quote_collateral.json",
        Platform::Tdx,
        SUMMER_2025,
    )
}

fn tdx_extended() -> Sample {
    let collateral = "tdx_quote_td15ex_collateral.json";
    sample("tdx_quote_td15ex", collateral, Platform::Tdx, AUTUMN_2026)
}

impl Sample {
    fn inspect(&self) -> Report {
        let evidence = Evidence::read_native(None, &self.quote, None).expect("a quote");
        assert_eq!(evidence.platform(), self.platform);
        self.of(&evidence)
    }

    fn of(&self, evidence: &Evidence) -> Report {
        intel::inspect(
            evidence,
            &self.endorsements,
            &Fields::of(self.platform),
            None,
            self.now,
        )
    }
}

fn compare_report(name: &str, report: &Report) {
    compare(&format!("{name}.txt"), &format!("{report}\n"));
    let json = serde_json::to_string_pretty(report).expect("JSON");
    compare(&format!("{name}.json"), &format!("{json}\n"));
}

#[test]
fn genuine_quotes_are_told_apart_by_how_well_their_platforms_are_patched() {
    let report = tdx().inspect();
    assert_eq!(failing(&report), [""; 0], "{report}");
    compare_report("dcap_sample_tdx", &report);
    let report = tdx_extended().inspect();
    assert_eq!(failing(&report), [""; 0], "{report}");
    compare_report("dcap_sample_tdx_extended", &report);
    let report = sgx().inspect();
    assert_eq!(failing(&report), ["tcb.status"], "{report}");
    compare_report("dcap_sample_sgx", &report);
    let outdated = sample(
        "tdx_quote_outdated",
        "tdx_quote_outdated_collateral.json",
        Platform::Tdx,
        UnixTime(1_771_980_350),
    );
    let report = outdated.inspect();
    assert_eq!(failing(&report), ["tcb.no_matching_level"], "{report}");
    compare_report("dcap_sample_tdx_outdated", &report);
}

/// A chain that comes with the collateral is not the quote's.
#[test]
fn a_chain_beside_the_quote_takes_no_part() {
    let text = String::from_utf8(file("tdx_quote_td15ex_collateral.json")).expect("a text");
    let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    json["pck_certificate_chain"] = Machine::tdx().pki.chain().into();
    let mut sample = tdx_extended();
    sample.endorsements = Endorsements::none();
    sample
        .endorsements
        .add(json.to_string().as_bytes())
        .expect("collateral");
    let report = sample.inspect();
    assert_eq!(failing(&report), [""; 0], "{report}");
}

#[test]
fn collateral_of_another_family_or_kind_is_refused() {
    let other = |quote: fn() -> Sample, collateral: &str| {
        let mut sample = quote();
        sample.endorsements = Endorsements::none();
        sample.endorsements.add(&file(collateral)).expect("collateral");
        failing(&sample.inspect())
    };
    let failed = other(tdx, "sgx_quote_collateral.json");
    for id in ["tcb_info.id", "tcb_info.fmspc", "qe_identity.id", "pck.crl"] {
        assert!(failed.contains(&id), "{failed:?}");
    }
    assert!(other(sgx, "tdx_quote_collateral.json").contains(&"tcb_info.id"));
}

#[test]
fn no_flipped_bit_of_a_genuine_quote_verifies() {
    for (sample, version_prefix) in [(sgx(), 0), (tdx(), 0), (tdx_extended(), 6)] {
        let body = match (sample.platform, version_prefix) {
            (Platform::Sgx, _) => 384,
            (_, 0) => 584,
            _ => 885,
        };
        let signed = 48 + version_prefix + body;
        let block = signed + 4 + 128 + if sample.platform == Platform::Sgx { 0 } else { 6 };
        let regions = (0..signed)
            .chain(signed + 4..signed + 132)
            .chain(block..block + 448 + 2 + 32);
        // What fails without any change does not count.
        let known = failing(&sample.inspect());
        for at in regions {
            let mut flipped = sample.quote.clone();
            flipped[at] ^= 1 << (at % 8);
            let Ok(evidence) = Evidence::read_native(Some(sample.platform), &flipped, None) else {
                continue;
            };
            let report = sample.of(&evidence);
            assert_ne!(
                failing(&report),
                known,
                "byte {at} of a quote of {}",
                sample.platform
            );
        }
    }
}

#[test]
fn reports_on_minted_machines_look_like_this() {
    // PPID and such are fixed; keys and certificates are not, so digests of them are cut.
    let cut = |line: &str| {
        let words = line.split(' ');
        let digest =
            |word: &str| word.len() >= 64 && word.bytes().take(64).all(|digit| digit.is_ascii_hexdigit());
        let words = words.map(|word| if digest(word) { "…" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    let shown = |machine: Machine| {
        let report = machine.inspect().to_string();
        let of_keys = |line: &&str| line.contains("qe.report_data ") || line.contains(" root ");
        let lines = report.lines().map(|line| {
            if of_keys(&line) {
                cut(line)
            } else {
                line.to_owned()
            }
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    };
    compare("dcap_minted_sgx.txt", &shown(Machine::sgx()));
    compare("dcap_minted_tdx_extended.txt", &shown(Machine::new(Kind::Td15Ex)));
    let debug = Machine::tdx().body_at(120, &(1_u64 | 1 << 28).to_le_bytes());
    compare("dcap_minted_tdx_debug.txt", &shown(debug));
    let other = Machine::tdx().with(|it| it.tcb_info["fmspc"] = "50806f000000".into());
    compare("dcap_minted_other_fmspc.txt", &shown(other));
    let forged = Machine::tdx().with(|it| it.qe_vouches_for = Key::Other);
    compare("dcap_minted_other_key.txt", &shown(forged));
}

#[test]
fn intel_vouches_for_collateral_without_a_quote() {
    let text = |name: &str| String::from_utf8(file(name)).expect("JSON");
    let intel = Roots::none().with_vendor(Platform::Tdx);
    let genuine = text("tdx_quote_td15ex_collateral.json");
    let (family, number) = vouched_evaluation(&genuine, &intel).expect("signed by Intel's signer");
    let mut json: serde_json::Value = serde_json::from_str(&genuine).expect("JSON");
    let info: serde_json::Value =
        serde_json::from_str(json["tcb_info"].as_str().expect("a text")).expect("JSON");
    assert_eq!(
        family.to_string(),
        info["fmspc"].as_str().expect("a text").to_lowercase()
    );
    assert_eq!(
        u64::from(number),
        info["tcbEvaluationDataNumber"].as_u64().expect("a number")
    );

    assert_eq!(
        vouched_evaluation(&genuine, &Roots::none()),
        None,
        "no root is accepted"
    );
    let amd = Roots::none().with_vendor(Platform::Snp);
    assert_eq!(
        vouched_evaluation(&genuine, &amd),
        None,
        "another vendor's root is"
    );
    let other = text("sgx_quote_collateral.json");
    let other: serde_json::Value = serde_json::from_str(&other).expect("JSON");
    for part in ["tcb_info", "tcb_info_signature"] {
        let mut mixed = json.clone();
        mixed[part] = other[part].clone();
        assert_eq!(
            vouched_evaluation(&mixed.to_string(), &intel),
            None,
            "{part} of another"
        );
    }
    let raised = info
        .to_string()
        .replace("\"tcbEvaluationDataNumber\":", "\"tcbEvaluationDataNumber\":9");
    json["tcb_info"] = raised.into();
    assert_eq!(
        vouched_evaluation(&json.to_string(), &intel),
        None,
        "a number that nobody signed"
    );
}
