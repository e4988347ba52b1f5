//! What the map of the samples says of quotes beside the verdicts.

use serde_json::Value;
use strongroom_attest::InspectionPolicy;

use crate::FAMILY;
use crate::sample::{Sample, failed};

/// Accepted with the collateral of its time; out of date with that of a year later.
const PRODUCTION: &str = "tdx/dcap-qvl-v4-prod";
const EARLY: (&str, u64) = ("collateral-2025-06-19.json", 1_751_624_191);
const LATE: (&str, u64) = ("collateral-2026-10-08.json", 1_792_714_008);

fn quote(folder: &str, (collateral, at): (&str, u64)) -> Sample {
    Sample::read(folder, "quote.bin", &[collateral], at)
}

fn failures(sample: &Sample) -> Vec<&'static str> {
    failed(&sample.report().expect("a quote"))
}

/// The sample with its collateral changed.
fn with_collateral(folder: &str, (collateral, at): (&str, u64), change: impl FnOnce(&mut Value)) -> Sample {
    let mut json: Value =
        serde_json::from_str(&FAMILY.text(&format!("{folder}/{collateral}"))).expect("JSON");
    change(&mut json);
    let mut sample = Sample::read(folder, "quote.bin", &[], at);
    let added = sample.endorsements.add(json.to_string().as_bytes());
    added.expect("still collateral");
    sample
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn zeros_may_stand_behind_a_quote_and_nothing_else() {
    let sample = quote(PRODUCTION, EARLY);
    let followed_by = |rest: &[u8]| failures(&sample.with_evidence([&sample.evidence[..], rest].concat()));
    for zeros in [1, 70, 307, 8000 - sample.evidence.len()] {
        assert_eq!(followed_by(&vec![0; zeros]), [""; 0], "{zeros} zeros");
    }
    for rest in [&[1][..], &[0, 0, 0, 1], b"text"] {
        assert_eq!(followed_by(rest), ["format.trailing_bytes"]);
    }
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn an_open_enclave_header_may_stand_in_front() {
    let sample = quote(PRODUCTION, EARLY);
    let length = sample.evidence.len() as u64;
    let header = [&[1, 0, 0, 0, 2, 0, 0, 0][..], &length.to_le_bytes()].concat();
    let behind = sample.with_evidence([&header[..], &sample.evidence].concat());
    assert_eq!(failures(&behind), [""; 0]);
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn collateral_has_to_be_that_of_the_platform() {
    let mut without = quote(PRODUCTION, EARLY);
    without.endorsements = strongroom_attest::Endorsements::none();
    assert_eq!(failures(&without)[0], "endorsements.missing");
    let mut other = quote("tdx/gtg-v5-sample", ("collateral-2026-03-16.json", LATE.1));
    other.endorsements = quote(PRODUCTION, LATE).endorsements;
    assert_eq!(failures(&other)[0], "tcb_info.fmspc");
    let mut of_sgx = quote(PRODUCTION, ("collateral-2025-06-19.json", 1_751_624_924));
    let sgx = quote(
        "sgx/dcap-qvl-icelake-prod",
        ("collateral-2025-06-19.json", 1_751_624_924),
    );
    of_sgx.endorsements = sgx.endorsements;
    let failures = failures(&of_sgx);
    for id in ["tcb_info.id", "qe_identity.id"] {
        assert!(failures.contains(&id), "{failures:?}");
    }
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn collateral_counts_as_it_was_signed() {
    for (member, check) in [
        ("tcb_info", "tcb_info.signature"),
        ("qe_identity", "qe_identity.signature"),
    ] {
        let indented = with_collateral(PRODUCTION, EARLY, |collateral| {
            let signed = collateral[member].as_str().expect("a text");
            let signed: Value = serde_json::from_str(signed).expect("JSON");
            collateral[member] = serde_json::to_string_pretty(&signed).expect("JSON").into();
        });
        assert_eq!(failures(&indented)[0], check);
    }
    for (member, check) in [("pck_crl", "pck.crl"), ("root_ca_crl", "ca.crl")] {
        let missing = with_collateral(PRODUCTION, EARLY, |collateral| collateral[member] = "".into());
        let failures = failures(&missing);
        assert!(
            failures.contains(&check) || failures == ["endorsements.format"],
            "{member}: {failures:?}"
        );
    }
    let swapped = with_collateral(PRODUCTION, EARLY, |collateral| {
        collateral["pck_crl"] = collateral["root_ca_crl"].clone();
    });
    assert!(failures(&swapped).contains(&"pck.crl"));
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn of_several_sets_of_collateral_the_right_one_is_used() {
    for (at, expected) in [(EARLY.1, None), (LATE.1, Some("tcb.status"))] {
        let mut sample = Sample::read(PRODUCTION, "quote.bin", &[EARLY.0, LATE.0], at);
        let others = quote("tdx/gtg-v5-sample", ("collateral-2026-03-16.json", at)).endorsements;
        sample.endorsements = others.and(&sample.endorsements);
        assert_eq!(failures(&sample).first().copied(), expected, "{at}");
    }
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn older_collateral_is_refused_once_newer_was_seen() {
    let mut sample = quote(PRODUCTION, EARLY);
    sample.endorsements.raise_evaluation_floor("B0C06F000000", 17);
    assert_eq!(failures(&sample), [""; 0]);
    sample.endorsements.raise_evaluation_floor("b0c06f000000", 20);
    assert_eq!(failures(&sample), ["endorsements.rollback"]);
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn event_logs_lead_to_the_registers_or_not() {
    let with_log = |folder: &str, when: (&str, u64), log: &str| {
        let event_log = Some(FAMILY.read(&format!("tdx-eventlog/{log}/ccel.bin")));
        failures(&Sample {
            event_log,
            ..quote(folder, when)
        })
    };
    let live = "tdx/attestation-rs-live";
    assert_eq!(with_log(live, LATE, "attestation-rs-ccel-live2"), ["tcb.status"]);
    // The log of another boot: RTMR2 differs.
    let other = with_log(live, LATE, "attestation-rs-ccel-live");
    assert!(other.contains(&"event_log.replay"), "{other:?}");
    let dstack = with_log("tdx/tappd-v4-a", LATE, "dstack-ccel");
    assert!(dstack.contains(&"event_log.replay"), "{dstack:?}");
    let of_nobody = with_log(PRODUCTION, EARLY, "trustee-CCEL_data_grub");
    assert_eq!(of_nobody[0], "event_log.replay", "{of_nobody:?}");
}

#[test]
#[ignore = "needs STRONGROOM_VECTORS"]
fn an_exception_has_an_owner_a_reason_and_an_end() {
    let outdated = quote(PRODUCTION, LATE);
    let asked = |fields: &str| {
        let json =
            format!(r#"{{"format": "strongroom.policy.v1", "evidence": [{{"platform": "tdx", {fields}}}]}}"#);
        let policy = InspectionPolicy::parse(json.as_bytes()).map_err(|error| error.to_string())?;
        Ok::<_, String>(failed(&outdated.report_by(&policy).expect("a quote")))
    };
    let exception = |more: &str, expires: &str| {
        format!(
            r#""exceptions": [{{"check": "tcb.status", "owner": "ops", "reason": "update on Friday", "expires": "{expires}"{more}}}]"#
        )
    };
    assert_eq!(asked(&exception("", "2027-01-01T00:00:00Z")), Ok(vec![]));
    assert_eq!(
        asked(&exception(r#", "found": "OutOfDate""#, "2027-01-01T00:00:00Z")),
        Ok(vec![])
    );
    assert_eq!(
        asked(&exception(
            r#", "found": "ConfigurationNeeded""#,
            "2027-01-01T00:00:00Z"
        )),
        Ok(vec!["tcb.status"])
    );
    assert_eq!(
        asked(&exception("", "2026-01-01T00:00:00Z")),
        Ok(vec!["tcb.status"])
    );
    let nobody = exception("", "2027-01-01T00:00:00Z").replace("ops", " ");
    assert!(asked(&nobody).expect_err("nobody").contains("owner"));
    let forged = exception("", "2027-01-01T00:00:00Z").replace("tcb.status", "signature");
    assert!(
        asked(&forged)
            .expect_err("no exception")
            .contains("nobody can make an exception")
    );
    // The other way: so many days to patch, and an advisory that stays refused.
    assert_eq!(
        asked(r#""tdx": {"tcb": {"grace_days": {"OutOfDate": 3650}}}"#),
        Ok(vec![])
    );
    assert_eq!(
        asked(r#""tdx": {"tcb": {"grace_days": {"OutOfDate": 1}}}"#),
        Ok(vec!["tcb.status"])
    );
    let denied =
        r#""tdx": {"tcb": {"grace_days": {"OutOfDate": 3650}, "denied_advisories": ["INTEL-SA-01397"]}}"#;
    let open = outdated.report().expect("a quote");
    let open = &open.tcb().expect("a summary").advisories;
    assert_eq!(open.len(), 4, "{open:?}");
    let denied = denied.replace("INTEL-SA-01397", &open[0]);
    assert_eq!(asked(&denied), Ok(vec!["tcb.advisories"]));
}
