//! Several pieces of collateral and revocation lists at once: what an attester brings beside his evidence takes nothing from
//! what the verifier has.

mod intel;

use base64::Engine;
use intel::certificates::{DAY, Key, Listed, Pki, list};
use intel::{Machine, NOW, failing, inspect};
use serde_json::{Value, json};
use strongroom_attest::{EndorsementError, Endorsements};
use strongroom_crypto::time::UnixTime;

fn at(time: UnixTime) -> Value {
    time.to_string().into()
}

/// Endorsements of the verifier: those of a machine that differs.
fn verifier(change: impl FnOnce(&mut Machine)) -> Endorsements {
    Machine::tdx().with(change).endorsements()
}

/// What fails where the attester sends its own collateral beside the quote.
fn failing_with(attester: &Machine, verifier: &Endorsements) -> Vec<&'static str> {
    failing(&inspect(
        &attester.envelope(),
        verifier,
        &attester.policy,
        None,
        NOW,
    ))
}

const NONE: [&str; 0] = [];

/// A list that revokes the certificate with this number.
fn revoking(listed: &Option<Listed>, serial: u8) -> Listed {
    let mut listed = listed.clone().expect("a list");
    listed.shape = list(9);
    listed.shape.revoked = vec![vec![0x22, serial]];
    listed
}

fn with_list(listed: &Listed) -> Endorsements {
    let mut endorsements = Endorsements::none();
    endorsements.add(listed.issue().der()).expect("a list");
    endorsements
}

#[test]
fn older_lists_of_the_attester_hide_nothing() {
    // Its collateral is newer than the verifier's, and its lists are older.
    let attester = Machine::tdx().with(|it| it.tcb_info["issueDate"] = at(NOW));
    let newer = |it: &mut Machine| it.pki.pck_list = Some(revoking(&it.pki.pck_list, 3));
    assert_eq!(failing_with(&attester, &verifier(newer)), ["pck.revoked"]);
    let newer = |it: &mut Machine| it.pki.root_list = Some(revoking(&it.pki.root_list, 4));
    assert_eq!(failing_with(&attester, &verifier(newer)), ["ca.revoked"]);
    assert_eq!(failing_with(&attester, &verifier(|_| {})), NONE);
}

#[test]
fn a_list_by_itself_counts_as_well() {
    let attester = Machine::tdx();
    let pki = Pki::good();
    let lists = [
        (&pki.pck_list, 3, "pck.revoked"),
        (&pki.root_list, 2, "ca.revoked"),
    ];
    for (listed, serial, id) in lists {
        let mut revoking = revoking(listed, serial);
        assert_eq!(failing_with(&attester, &with_list(&revoking)), [id]);
        // What was revoked stays so when the list has ended.
        revoking.shape.next_update = NOW.minus(1);
        assert_eq!(failing_with(&attester, &with_list(&revoking)), [id]);
        revoking.signed_by = Key::Other;
        assert_eq!(failing_with(&attester, &with_list(&revoking)), NONE);
    }
    // It is there where the collateral has none, or one that has ended.
    let without = Machine::tdx().with(|it| it.pki.pck_list = None);
    let ended = Machine::tdx().with(|it| it.pki.pck_list.as_mut().expect("a list").shape.next_update = NOW);
    for (attester, id) in [(without, "pck.crl"), (ended, "endorsements.expired")] {
        assert_eq!(failing_with(&attester, &Endorsements::none()), [id]);
        let mut good = pki.pck_list.clone().expect("a list");
        assert_eq!(failing_with(&attester, &with_list(&good)), NONE);
        good.signed_by = Key::Other;
        assert_eq!(failing_with(&attester, &with_list(&good)), [id]);
    }
}

fn evaluated(it: &mut Machine, info: u32, identity: u32) {
    it.tcb_info["tcbEvaluationDataNumber"] = info.into();
    it.qe_identity["tcbEvaluationDataNumber"] = identity.into();
}

#[test]
fn neither_of_the_two_texts_can_be_rolled_back() {
    let rollback = ["endorsements.rollback"];
    for (info, identity, expected) in [(20, 20, &NONE[..]), (19, 20, &rollback), (20, 19, &rollback)] {
        let machine = Machine::tdx().with(|it| {
            evaluated(it, info, identity);
            it.floor = Some(20);
        });
        assert_eq!(failing(&machine.inspect()), expected, "{info} and {identity}");
    }
    // Newer TCB information with an older QE identity is no newer collateral.
    let attester = Machine::tdx().with(|it| {
        evaluated(it, 21, 19);
        it.qe_identity["tcbLevels"] = json!([]);
    });
    assert_eq!(failing_with(&attester, &verifier(|_| {})), NONE);
}

#[test]
fn what_the_verifier_has_is_a_floor_even_when_it_has_ended() {
    let attester = Machine::tdx().with(|it| evaluated(it, 17, 17));
    let failing_beside = |change: fn(&mut Machine)| failing_with(&attester, &verifier(change));
    let ended = |it: &mut Machine| it.tcb_info["nextUpdate"] = at(NOW.minus(1));
    assert_eq!(failing_beside(ended), ["endorsements.rollback"]);
    let to_come = |it: &mut Machine| it.tcb_info["issueDate"] = at(NOW.plus(DAY));
    assert_eq!(failing_beside(to_come), NONE);
    // Newer ones that hold are used instead.
    assert_eq!(failing_beside(|_| {}), NONE);
    // Of the same round, of another family or kind, or signed by nobody: no floor.
    let others: [fn(&mut Machine); 5] = [
        |it| evaluated(it, 17, 17),
        |it| it.tcb_info["fmspc"] = "50806f000000".into(),
        |it| *it = Machine::sgx(),
        |it| it.pki.signer.signed_by = Key::Other,
        |it| it.damage_collateral = |json| json["tcb_info_signature"] = "00".repeat(64).into(),
    ];
    for change in others {
        let beside = verifier(|it| {
            change(it);
            it.tcb_info["nextUpdate"] = at(NOW.minus(1));
        });
        assert_eq!(failing_with(&attester, &beside), NONE);
    }
}

#[test]
fn of_equals_the_verifiers_own_is_used() {
    let worse = Machine::tdx().with(|it| it.tcb_info["tcbLevels"] = json!([]));
    assert_eq!(failing(&worse.inspect()), ["tcb.no_matching_level"]);
    assert_eq!(failing_with(&worse, &verifier(|_| {})), NONE);
    let strict = worse.endorsements();
    assert_eq!(failing_with(&Machine::tdx(), &strict), ["tcb.no_matching_level"]);
}

#[test]
fn forged_collateral_displaces_none() {
    let forged = Machine::tdx().with(|it| {
        evaluated(it, 99, 99);
        it.damage_collateral = |json| json["tcb_info_signature"] = "00".repeat(64).into();
    });
    assert_eq!(failing_with(&forged, &verifier(|_| {})), NONE);
}

fn pem(tag: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {tag}-----\n{text}\n-----END {tag}-----\n")
}

#[test]
fn every_block_of_a_file_is_read_or_the_file_is_refused() {
    let pki = Pki::good();
    let lists = [&pki.pck_list, &pki.root_list].map(|list| list.as_ref().expect("a list").issue());
    let blocks = lists.each_ref().map(|list| pem("X509 CRL", list.der()));
    let mut endorsements = Endorsements::none();
    endorsements.add(blocks.concat().as_bytes()).expect("two lists");
    let held: Vec<_> = endorsements.crls().collect();
    assert_eq!(held, [lists[0].der(), lists[1].der()]);

    let root = pki.root().to_pem();
    let mut none = Endorsements::none();
    let bad_list = [&root, &blocks[0], &pem("X509 CRL", &[0x30, 0])]
        .map(String::as_str)
        .concat();
    let refused = none.add(bad_list.as_bytes());
    assert!(
        matches!(refused, Err(EndorsementError::RevocationList(_))),
        "{refused:?}"
    );
    let bad_certificate = [root, pem("CERTIFICATE", &[0x30, 0])].concat();
    let refused = none.add(bad_certificate.as_bytes());
    assert!(
        matches!(refused, Err(EndorsementError::Certificate(_))),
        "{refused:?}"
    );
    assert_eq!(none, Endorsements::none());
}

#[test]
fn what_there_is_no_room_for_is_refused() {
    let collateral = |number: usize| json!({ "tcb_info": number }).to_string();
    let mut full = Endorsements::none();
    for number in 0..Endorsements::COUNT_MAX {
        full.add(collateral(number).as_bytes()).expect("there is room");
    }
    assert_eq!(full.add(collateral(0).as_bytes()), Ok(()), "it is there");
    let another = collateral(Endorsements::COUNT_MAX);
    assert_eq!(full.add(another.as_bytes()), Err(EndorsementError::Full));
}
