//! Collateral under a root of the test's own: it can be read, is signed as it stands, speaks of the platform, is chosen among
//! several, and remembered right signatures change no verdict.

mod intel;

use intel::certificates::{DAY, Key, subject};
use intel::quote::Kind;
use intel::{Machine, NOW, check, failing};
use serde_json::{Value, json};
use strongroom_attest::{Endorsements, Evidence};
use strongroom_crypto::time::UnixTime;

fn each() -> impl Iterator<Item = Machine> {
    Kind::ALL.into_iter().map(Machine::new)
}

/// A time as collateral writes it.
fn at(time: UnixTime) -> Value {
    time.to_string().into()
}

#[test]
fn there_is_collateral_and_it_can_be_read() {
    check(
        &Machine::tdx().with(|it| it.has_collateral = false),
        &["endorsements.missing"],
    );
    let unreadable: [fn(&mut Value); 9] = [
        |json| json["tcb_info"] = "{".into(),
        |json| json["qe_identity"] = "[]".into(),
        |json| json["tcb_info_signature"] = "xyz".into(),
        |json| json["qe_identity_signature"] = "0".into(),
        |json| json["tcb_info_issuer_chain"] = "".into(),
        |json| json["qe_identity_issuer_chain"] = "none".into(),
        |json| json["pck_crl"] = "3000".into(),
        |json| json["root_ca_crl"] = "zz".into(),
        |json| json["tcb_info_signature"] = Value::Null,
    ];
    for damage in unreadable {
        check(
            &Machine::tdx().with(|it| it.damage_collateral = damage),
            &["endorsements.format"],
        );
    }
    let info: [fn(&mut Value); 8] = [
        |info| info["version"] = 2.into(),
        |info| info["version"] = 4.into(),
        |info| info["tcbType"] = 1.into(),
        |info| info["tcbLevels"][0]["tcbStatus"] = "TDRelaunchAdvised".into(),
        |info| info["tcbLevels"][0]["tcb"]["sgxtcbcomponents"] = json!([{ "svn": 1 }]),
        |info| info["tcbLevels"][0]["tcb"]["tdxtcbcomponents"] = Value::Null,
        |info| info["tdxModule"] = Value::Null,
        |info| info["tdxModuleIdentities"][0]["tcbLevels"][0]["tcbStatus"] = "SWHardeningNeeded".into(),
    ];
    for change in info {
        check(
            &Machine::tdx().with(|it| change(&mut it.tcb_info)),
            &["endorsements.format"],
        );
    }
    let status = |it: &mut Machine| it.qe_identity["tcbLevels"][0]["tcbStatus"] = "SWHardeningNeeded".into();
    check(&Machine::tdx().with(status), &["endorsements.format"]);
}

#[test]
fn collateral_is_signed_as_it_stands() {
    fn format_anew(json: &mut Value, member: &str) {
        let text = json[member].as_str().expect("a text");
        let says: Value = serde_json::from_str(text).expect("JSON");
        json[member] = serde_json::to_string_pretty(&says).expect("JSON").into();
    }
    for machine in each() {
        let damaged = |damage| machine.clone().with(|it| it.damage_collateral = damage);
        check(
            &damaged(|json| format_anew(json, "tcb_info")),
            &["tcb_info.signature"],
        );
        check(
            &damaged(|json| format_anew(json, "qe_identity")),
            &["qe_identity.signature"],
        );
        check(
            &damaged(|json| json["tcb_info_signature"] = "00".repeat(64).into()),
            &["tcb_info.signature"],
        );
        check(
            &damaged(|json| json["qe_identity_signature"] = json["tcb_info_signature"].clone()),
            &["qe_identity.signature"],
        );
    }
}

#[test]
fn collateral_speaks_of_this_platform() {
    let info = |kind, member: &str, value: Value| Machine::new(kind).with(|it| it.tcb_info[member] = value);
    check(
        &info(Kind::Td15, "fmspc", "50806f000000".into()),
        &["tcb_info.fmspc"],
    );
    check(
        &info(Kind::Sgx, "fmspc", "50806f000000".into()),
        &["tcb_info.fmspc"],
    );
    check(&info(Kind::Td15, "pceId", "0001".into()), &["tcb_info.pce_id"]);
    check(&info(Kind::Td15, "id", "SGX".into()), &["tcb_info.id"]);
    let identity =
        |kind, member: &str, value: Value| Machine::new(kind).with(|it| it.qe_identity[member] = value);
    check(&identity(Kind::Td15, "id", "QE".into()), &["qe_identity.id"]);
    check(&identity(Kind::Sgx, "id", "TD_QE".into()), &["qe_identity.id"]);
    check(&identity(Kind::Sgx, "version", 3.into()), &["qe_identity.id"]);
    check(&identity(Kind::Td15, "version", 3.into()), &[]);
    check(&identity(Kind::Td15, "version", 4.into()), &["qe_identity.id"]);
    let report = info(Kind::Td15, "fmspc", "50806f000000".into())
        .inspect()
        .to_string();
    assert!(
        report.contains("expected collateral for FMSPC b0c06f000000, which the platform is of"),
        "{report}"
    );
    // Collateral of SGX for a TD: both identities are told apart.
    let sgx = Machine::tdx().with(|it| {
        it.has_collateral = false;
        it.more_collateral = vec![Machine::sgx().collateral()];
    });
    let failed = failing(&sgx.inspect());
    assert_eq!(failed.first(), Some(&"tcb_info.id"));
    assert!(failed.contains(&"qe_identity.id"));
}

#[test]
fn of_several_the_collateral_of_this_platform_is_used_and_of_those_the_newest() {
    let older = |change: &dyn Fn(&mut Machine)| {
        let mut other = Machine::tdx();
        change(&mut other);
        other.collateral()
    };
    let others = [
        older(&|it| it.tcb_info["fmspc"] = "50806f000000".into()),
        Machine::sgx().collateral(),
        older(&|it| it.tcb_info["tcbLevels"] = json!([])),
        older(&|it| it.pki.pck_list.as_mut().expect("a list").issuer = subject("Another CA")),
    ];
    // Newer than the machine's own, and not valid yet; older, and of the same round; of an earlier round.
    let times = vec![
        older(&|it| {
            it.tcb_info["issueDate"] = at(NOW.plus(DAY));
            it.tcb_info["tcbEvaluationDataNumber"] = 21.into();
        }),
        older(&|it| {
            it.tcb_info["issueDate"] = at(NOW.minus(20 * DAY));
            it.tcb_info["tcbLevels"] = json!([]);
        }),
        older(&|it| {
            it.tcb_info["issueDate"] = at(NOW.minus(DAY));
            it.tcb_info["tcbEvaluationDataNumber"] = 19.into();
            it.tcb_info["tcbLevels"] = json!([]);
        }),
    ];
    let mut given = [&others[..2], &others[3..], &times].concat();
    for _ in 0..given.len() {
        given.rotate_left(1);
        let machine = Machine::tdx().with(|it| {
            it.more_collateral = given.clone();
            it.tcb_info["issueDate"] = at(NOW.minus(3 * DAY));
        });
        check(&machine, &[]);
    }
    check(
        &Machine::tdx().with(|it| it.more_collateral = others[2..3].to_vec()),
        &[],
    );
    let unreadable = older(&|it| it.damage_collateral = |json| json["pck_crl"] = "00".into());
    check(
        &Machine::tdx().with(|it| it.more_collateral = vec![unreadable]),
        &[],
    );
}

#[test]
fn older_collateral_than_was_seen_is_refused() {
    for machine in each() {
        check(&machine.clone().with(|it| it.floor = Some(20)), &[]);
        check(
            &machine.clone().with(|it| it.floor = Some(21)),
            &["endorsements.rollback"],
        );
        let mut other = machine.endorsements();
        other.raise_evaluation_floor("50806f000000", 30);
        let report = intel::inspect(&machine.evidence(), &other, &machine.policy, None, NOW);
        assert_eq!(failing(&report), [""; 0], "another family's: {report}");
    }
}

/// Endorsements remember right signatures, and clones share what is remembered. Nothing else is: times, roots, revocation
/// and the quote itself are looked at each time.
#[test]
fn what_was_right_before_is_judged_anew() {
    for machine in each() {
        let (evidence, endorsements) = (machine.evidence(), machine.endorsements());
        let at = |evidence: &Evidence, endorsements: &Endorsements, now| {
            failing(&intel::inspect(
                evidence,
                endorsements,
                &machine.policy,
                None,
                now,
            ))
        };
        for _ in 0..2 {
            assert_eq!(at(&evidence, &endorsements, NOW), [""; 0]);
            let late = at(&evidence, &endorsements.clone(), NOW.plus(40 * DAY));
            assert_eq!(late, ["endorsements.expired"]);
            let early = at(&evidence, &endorsements, NOW.minus(15 * DAY));
            assert_eq!(early, ["endorsements.not_yet_valid"]);
        }
        // Another root, with everything below it remembered.
        let mut other = machine.policy.clone();
        other.roots = vec![
            Machine::tdx()
                .with(|it| it.pki.root.key = Key::Other)
                .pki
                .root()
                .to_pem(),
        ];
        let report = intel::inspect(&evidence, &endorsements, &other, None, NOW);
        assert_eq!(failing(&report), ["root"], "{report}");
        // A list that revokes, beside the one that did not.
        let mut revoking = machine.clone();
        revoking.pki.pck_list.as_mut().expect("a list").shape.revoked = vec![vec![0x22, 3]];
        revoking.tcb_info["tcbEvaluationDataNumber"] = 21.into();
        let both = endorsements.clone().and(&revoking.endorsements());
        assert_eq!(at(&evidence, &both, NOW), ["pck.revoked"]);
        // Another quote of the same platform, damaged.
        let mut quote = machine.quote();
        quote[60] ^= 1;
        if let Ok(damaged) = Evidence::read_native(None, &quote, None) {
            assert!(at(&damaged, &endorsements, NOW).contains(&"signature"));
        }
    }
}
