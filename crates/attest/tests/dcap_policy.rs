//! What a policy asks of patches and of machines, SGX and TDX alike, under a root of the test's own.

mod intel;

use intel::certificates::{FMSPC, INSTANCE, PCE_SVN, PPID, SVNS};
use intel::collateral::level;
use intel::quote::Kind;
use intel::{Machine, NOW, check};
use serde_json::{Value, json};
use strongroom_attest::platform::Facts;
use strongroom_attest::reference::{Exception, Expiry, Fields};
use strongroom_attest::{Binding, Outcome, Parts, PolicyError, ReferenceValues, Report};
use strongroom_crypto::time::UnixTime;

fn exception(check: &str, found: Option<&str>) -> Exception {
    Exception {
        check: check.to_owned(),
        found: found.map(str::to_owned),
        owner: "operations".to_owned(),
        reason: "the maker's update comes in October".to_owned(),
        expires: Expiry(NOW.plus(1)),
    }
}

/// An SGX machine of this status.
fn of(status: &str, advisories: &[&str]) -> Machine {
    let level = level(Kind::Sgx, &SVNS, PCE_SVN, &[0; 16], status, advisories);
    Machine::sgx().with(|it| it.tcb_info["tcbLevels"] = json!([level]))
}

#[test]
fn the_strict_policy_accepts_two_statuses() {
    for status in ["UpToDate", "SWHardeningNeeded"] {
        check(&of(status, &[]), &[]);
    }
    for status in [
        "ConfigurationNeeded",
        "ConfigurationAndSWHardeningNeeded",
        "OutOfDate",
        "OutOfDateConfigurationNeeded",
    ] {
        check(&of(status, &[]), &["tcb.status"]);
        let named = json!({ "tcb": { "accepted_statuses": [status] } });
        check(&of(status, &[]).asked(&named), &[]);
        check(&of("UpToDate", &[]).asked(&named), &["tcb.status"]);
    }
    // Only where exactly this was found, and until then.
    let excused = |only, now| {
        of("OutOfDate", &[]).with(|it| {
            it.policy.exceptions = vec![exception("tcb.status", only)];
            it.now = now;
        })
    };
    check(&excused(Some("OutOfDate"), NOW), &[]);
    check(&excused(None, NOW), &[]);
    check(&excused(Some("ConfigurationNeeded"), NOW), &["tcb.status"]);
    check(&excused(None, NOW.plus(1)), &["tcb.status"]);
}

#[test]
fn a_status_may_be_accepted_for_some_days_after_the_date_of_the_level() {
    // The level is of 2026-05-14, the test of 2026-09-21: 130 days and some hours later.
    let days = |days: u32| json!({ "tcb": { "grace_days": { "OutOfDate": days } } });
    check(&of("OutOfDate", &[]).asked(&days(131)), &[]);
    check(&of("OutOfDate", &[]).asked(&days(130)), &["tcb.status"]);
    check(
        &of("ConfigurationNeeded", &[]).asked(&days(1000)),
        &["tcb.status"],
    );
    // The oldest part counts.
    let older = |it: &mut Machine| it.qe_identity["tcbLevels"][0]["tcbDate"] = "2026-04-14T00:00:00Z".into();
    check(
        &of("OutOfDate", &[]).with(older).asked(&days(131)),
        &["tcb.status"],
    );
}

#[test]
fn advisories_are_accepted_and_denied_by_name() {
    let open = || of("SWHardeningNeeded", &["INTEL-SA-00001", "INTEL-SA-00002"]);
    let asked = |policy: Value| open().asked(&json!({ "tcb": policy }));
    let refused = ["tcb.advisories"];
    check(
        &asked(json!({ "accepted_advisories": ["intel-sa-00001", "INTEL-SA-00002", "INTEL-SA-00003"] })),
        &[],
    );
    check(
        &asked(json!({ "accepted_advisories": ["INTEL-SA-00001"] })),
        &refused,
    );
    check(&asked(json!({ "denied_advisories": ["INTEL-SA-00003"] })), &[]);
    check(
        &asked(json!({ "denied_advisories": ["INTEL-SA-00002"] })),
        &refused,
    );
    let both = json!({ "accepted_advisories": ["INTEL-SA-00001", "INTEL-SA-00002"], "denied_advisories": ["Intel-SA-00002"] });
    check(&asked(both), &refused);
    let found = found(
        &asked(json!({ "accepted_advisories": ["INTEL-SA-00001"] })).inspect(),
        "tcb.advisories",
    );
    assert_eq!(found, "INTEL-SA-00002");
}

#[test]
fn advisories_for_hardening_concern_no_other_status() {
    let listed = |status: &str, names: &[&str]| {
        let policy =
            json!({ "accepted_statuses": ["SWHardeningNeeded", "OutOfDate"], "hardening_advisories": names });
        of(status, &["INTEL-SA-00001", "INTEL-SA-00002"]).asked(&json!({ "tcb": policy }))
    };
    let refused = ["tcb.advisories"];
    check(
        &listed("SWHardeningNeeded", &["intel-sa-00001", "Intel-SA-00002"]),
        &[],
    );
    check(&listed("SWHardeningNeeded", &["INTEL-SA-00001"]), &refused);
    check(&listed("SWHardeningNeeded", &[]), &[]);
    check(&listed("OutOfDate", &["INTEL-SA-00001"]), &[]);
}

fn found(report: &Report, id: &str) -> String {
    let check = report
        .checks()
        .iter()
        .find(|check| check.id == id)
        .expect("a check");
    match &check.outcome {
        Outcome::Passed { found } | Outcome::Failed { found, .. } | Outcome::Excused { found, .. } => {
            found.clone()
        }
        Outcome::NotApplicable { why } => why.clone(),
    }
}

#[test]
fn collateral_has_to_be_of_a_round_and_of_an_age() {
    for machine in [Machine::sgx(), Machine::tdx()] {
        let round = |least: u32| json!({ "tcb": { "evaluation_number_min": least } });
        check(&machine.clone().asked(&round(20)), &[]);
        check(&machine.clone().asked(&round(21)), &["tcb.evaluation_number"]);
        // The lower of the two.
        let lower = |it: &mut Machine| it.qe_identity["tcbEvaluationDataNumber"] = 19.into();
        check(
            &machine.clone().with(lower).asked(&round(20)),
            &["tcb.evaluation_number"],
        );
        // Issued ten days and some hours ago.
        let age = |days: u32| json!({ "tcb": { "collateral_age_days_max": days } });
        check(&machine.clone().asked(&age(12)), &[]);
        check(&machine.clone().asked(&age(10)), &["endorsements.age"]);
        let older = |it: &mut Machine| it.tcb_info["issueDate"] = "2026-09-08T00:00:00Z".into();
        check(&machine.with(older).asked(&age(12)), &["endorsements.age"]);
    }
}

#[test]
fn machines_are_known_by_family_package_and_platform() {
    let other = |bytes: usize| "77".repeat(bytes);
    for machine in [Machine::sgx(), Machine::tdx()] {
        let asked =
            |member: &str, values: &[&str]| machine.clone().asked(&json!({ "hardware": { member: values } }));
        let (ppid, instance) = (hex::encode(PPID), hex::encode(INSTANCE));
        check(&asked("fmspcs", &[&other(6), FMSPC]), &[]);
        check(&asked("fmspcs", &[&other(6)]), &["hardware.fmspc"]);
        check(&asked("ppids", &[&other(16), &ppid]), &[]);
        check(&asked("ppids", &[&other(16)]), &["hardware.ppid"]);
        check(&asked("platform_instance_ids", &[&instance]), &[]);
        check(
            &asked("platform_instance_ids", &[&other(16)]),
            &["hardware.platform_instance_id"],
        );
        // A single package has none.
        let single = asked("platform_instance_ids", &[&instance]).with(|it| it.pki.extension.platform = None);
        check(&single, &["hardware.platform_instance_id"]);
    }
}

#[test]
fn flags_of_the_platform_are_as_asked() {
    let names = [("dynamic_platform", 0), ("cached_keys", 1), ("smt", 2)];
    for (name, index) in names {
        let id = format!("hardware.{name}");
        let with = |flags: Option<bool>, demand: &str| {
            let machine = Machine::tdx().asked(&json!({ "hardware": { name: demand } }));
            machine.with(|it| match (flags, &mut it.pki.extension.platform) {
                (None, platform) => *platform = None,
                (Some(set), Some((_, flags))) => flags[index] = set,
                (Some(_), None) => unreachable!("the Platform CA's certificates say"),
            })
        };
        check(&with(Some(true), "set"), &[]);
        check(&with(Some(false), "clear"), &[]);
        check(&with(Some(false), "set"), &[&id]);
        check(&with(Some(true), "clear"), &[&id]);
        // The Processor CA's certificates do not say.
        check(&with(None, "clear"), &[&id]);
        check(&with(None, "set"), &[&id]);
    }
}

#[test]
fn a_policy_that_cannot_be_meant_does_not_load() {
    let refused = |policy: Value| {
        let mut fields = Fields {
            measurements: vec!["13".repeat(48).parse().expect("hexadecimal")],
            ..Fields::of(strongroom_attest::Platform::Tdx)
        };
        fields.tdx = Some(serde_json::from_value(policy).expect("a policy"));
        ReferenceValues::new(fields).map(|_| ()).expect_err("refused")
    };
    for (policy, why) in [
        (
            json!({ "tcb": { "accepted_statuses": ["Revoked"] } }),
            "a revoked platform cannot be accepted",
        ),
        (
            json!({ "tcb": { "grace_days": { "Revoked": 1 } } }),
            "a revoked platform cannot be accepted",
        ),
        (
            json!({ "tcb": { "accepted_statuses": [] } }),
            "it accepts no TCB status at all",
        ),
        (
            json!({ "tcb": { "grace_days": { "UpToDate": 1 } } }),
            "it accepts UpToDate both with and without an end",
        ),
        (json!({ "unlogged": [4] }), "there is no RTMR4"),
    ] {
        match refused(policy) {
            PolicyError::Platform { what, .. } => assert_eq!(what, why),
            other => panic!("{other}"),
        }
    }
    let misspelt = serde_json::from_value::<strongroom_attest::platform::tdx::Policy>(json!({ "tbc": {} }));
    assert!(misspelt.is_err());
}

/// What a verifier may go on with, beside the report.
#[test]
fn claims_carry_what_was_proven_of_the_platform() {
    let binding = Binding::Coordinator(strongroom_attest::CoordinatorBinding {
        nonce: [1; 32],
        exporter: [2; 32],
        root_certificate: b"root".to_vec(),
        phase: "running".to_owned(),
        manifest_digest: None,
        log_head: strongroom_attest::LogHead {
            epoch: 1,
            size: 1,
            hash: strongroom_crypto::digest::sha256(b"log"),
        },
    });
    let machine = Machine::tdx().body_at(520, &binding.report_data());
    let evidence =
        strongroom_attest::Evidence::from_parts(machine.kind.platform(), &Parts::new(machine.quote()));
    let values = ReferenceValues::new(Fields {
        measurements: vec!["13".repeat(48).parse().expect("hexadecimal")],
        ..machine.policy.clone()
    })
    .expect("usable");
    let verified = strongroom_attest::verify(
        &evidence.expect("evidence"),
        &machine.endorsements(),
        values.roots(),
        &binding,
        NOW,
    );
    let appraised = values.appraise(verified.expect("verified")).expect("accepted");
    let claims = appraised.claims();
    assert!(!claims.debug());
    assert_eq!(
        claims.issued_at(),
        UnixTime::parse_rfc3339("2026-09-16T14:13:20Z").expect("a time")
    );
    let Facts::Tdx(facts) = claims.facts() else {
        panic!("{:?}", claims.facts());
    };
    let platform = facts.platform().expect("a platform");
    assert_eq!(
        (facts.quote_version(), platform.pck.fmspc.to_string().as_str()),
        (5, FMSPC)
    );
    let tcb = platform.tcb.as_ref().expect("a status");
    assert_eq!((tcb.status.name(), tcb.evaluation_number), ("UpToDate", 20));
    assert_eq!(
        serde_json::to_value(claims).expect("JSON")["facts"]["kind"],
        "tdx"
    );
}
