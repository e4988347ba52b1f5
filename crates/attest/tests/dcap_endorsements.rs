//! Under a root of the test's own: for every check of times, certificates and revocation lists one machine that differs from
//! a good one in one thing, and fails at that check alone.

mod intel;

use intel::certificates::{DAY, Key, Listed, Pki, list, subject};
use intel::quote::Kind;
use intel::{Machine, NOW, check};
use serde_json::Value;
use strongroom_crypto::issue::vendor::{Constraints, RawExtension};
use strongroom_crypto::time::UnixTime;
use strongroom_crypto::x509::KeyUsage;

fn each() -> impl Iterator<Item = Machine> {
    Kind::ALL.into_iter().map(Machine::new)
}

/// A time as collateral writes it.
fn at(time: UnixTime) -> Value {
    time.to_string().into()
}

#[test]
fn collateral_of_a_time_to_come_is_refused() {
    let early = ["endorsements.not_yet_valid"];
    for machine in each() {
        check(
            &machine
                .clone()
                .with(|it| it.tcb_info["issueDate"] = at(NOW.plus(1))),
            &early,
        );
        check(
            &machine
                .clone()
                .with(|it| it.qe_identity["issueDate"] = at(NOW.plus(1))),
            &early,
        );
        check(
            &machine.clone().with(|it| it.tcb_info["issueDate"] = at(NOW)),
            &[],
        );
        check(
            &machine
                .clone()
                .with(|it| it.pki.signer.at(Some(NOW.plus(1)), None)),
            &early,
        );
        // A list made later revokes no less.
        let later = |it: &mut Machine| {
            if let Some(list) = &mut it.pki.pck_list {
                list.shape.this_update = NOW.plus(DAY);
            }
        };
        check(&machine.with(later), &[]);
    }
}

#[test]
fn collateral_that_has_ended_is_refused() {
    let late = ["endorsements.expired"];
    for machine in each() {
        check(
            &machine
                .clone()
                .with(|it| it.tcb_info["nextUpdate"] = at(NOW.minus(1))),
            &late,
        );
        check(
            &machine.clone().with(|it| it.tcb_info["nextUpdate"] = at(NOW)),
            &[],
        );
        check(
            &machine
                .clone()
                .with(|it| it.qe_identity["nextUpdate"] = at(NOW.minus(1))),
            &late,
        );
        check(
            &machine
                .clone()
                .with(|it| it.pki.signer.at(None, Some(NOW.minus(1)))),
            &late,
        );
        let list = |lists: fn(&mut Pki) -> &mut Option<Listed>| {
            machine.clone().with(|it| {
                if let Some(list) = lists(&mut it.pki) {
                    list.shape.next_update = NOW;
                }
            })
        };
        check(&list(|pki| &mut pki.pck_list), &late);
        check(&list(|pki| &mut pki.root_list), &late);
        let everything = machine.inspect().to_string();
        assert!(
            everything.contains("valid until 2026-10-10T12:00:00Z"),
            "{everything}"
        );
    }
}

#[test]
fn a_certificate_chain_outside_its_time_is_refused() {
    let outside = ["pck.certificate_time"];
    for machine in each() {
        check(
            &machine.clone().with(|it| it.pki.pck.at(Some(NOW.plus(1)), None)),
            &outside,
        );
        check(
            &machine.clone().with(|it| it.pki.pck.at(None, Some(NOW.minus(1)))),
            &outside,
        );
        check(
            &machine.clone().with(|it| it.pki.ca.at(None, Some(NOW.minus(1)))),
            &outside,
        );
        check(
            &machine.clone().under(|pki| pki.root.at(None, Some(NOW.minus(1)))),
            &outside,
        );
        check(&machine.with(|it| it.pki.pck.at(Some(NOW), Some(NOW))), &[]);
    }
}

#[test]
fn the_chain_holds_together_from_leaf_to_root() {
    let broken = |change: fn(&mut Pki)| check(&Machine::tdx().under(change), &["pck.chain"]);
    broken(|pki| pki.pck.signed_by = Key::Other);
    broken(|pki| pki.ca.signed_by = Key::Other);
    broken(|pki| pki.root.signed_by = Key::Other);
    broken(|pki| pki.pck.issuer = subject("Intel SGX PCK Processor CA"));
    broken(|pki| pki.ca.issuer = subject("Another Root CA"));
    broken(|pki| pki.pck.shape.constraints = Constraints::Authority(None));
    broken(|pki| pki.pck.shape.key_usage = Some(KeyUsage::from_bits(64)));
    broken(|pki| pki.ca.shape.constraints = Constraints::Leaf);
    broken(|pki| pki.ca.shape.key_usage = Some(KeyUsage::from_bits(64)));
    broken(|pki| pki.root.shape.constraints = Constraints::Authority(Some(0)));
    let critical = || RawExtension {
        oid: vec![1, 2, 3, 4],
        critical: true,
        value: vec![5, 0],
    };
    check(
        &Machine::tdx().with(|it| it.pki.pck.shape.extensions.push(critical())),
        &["pck.chain"],
    );
    check(
        &Machine::sgx().with(|it| it.pki.ca.shape.extensions.push(critical())),
        &["pck.chain"],
    );
}

#[test]
fn a_root_is_known_by_its_key_and_not_by_its_name() {
    for machine in each() {
        // Everything is signed by another root of the same name.
        let other = machine.clone().with(|it| {
            it.pki.root.key = Key::Other;
            for certified in [&mut it.pki.root, &mut it.pki.ca, &mut it.pki.signer] {
                certified.signed_by = Key::Other;
            }
            if let Some(list) = &mut it.pki.root_list {
                list.signed_by = Key::Other;
            }
        });
        check(&other, &["root"]);
        // Intel's own root is no root for these.
        check(&machine.clone().with(|it| it.policy.roots.clear()), &["root"]);
        // The same key under another name, and in a certificate made anew, is the root that was named.
        let renamed = machine.with(|it| {
            it.pki.root.shape.subject = subject("Renamed");
            it.pki.root.issuer = subject("Renamed");
            it.pki.ca.issuer = subject("Renamed");
            it.pki.signer.issuer = subject("Renamed");
            if let Some(list) = &mut it.pki.root_list {
                list.issuer = subject("Renamed");
            }
        });
        check(&renamed, &[]);
    }
}

#[test]
fn revocation_lists_are_there_and_those_of_the_right_issuer() {
    let pck = |change: fn(&mut Option<Listed>)| Machine::tdx().with(|it| change(&mut it.pki.pck_list));
    let root = |change: fn(&mut Option<Listed>)| Machine::sgx().with(|it| change(&mut it.pki.root_list));
    check(&pck(|list| *list = None), &["pck.crl"]);
    check(&root(|list| *list = None), &["ca.crl"]);
    let changes: [fn(&mut Option<Listed>); 2] = [
        |list| list.as_mut().expect("a list").signed_by = Key::Other,
        |list| list.as_mut().expect("a list").issuer = subject("Intel SGX PCK Processor CA"),
    ];
    for change in changes {
        check(&pck(change), &["pck.crl"]);
        check(&root(change), &["ca.crl"]);
    }
    // The list of the other authority, rightly signed by it.
    let other = |list: &mut Option<Listed>| {
        let list = list.as_mut().expect("a list");
        (list.issuer, list.signed_by) = (subject("Intel SGX PCK Processor CA"), Key::Other);
    };
    check(&pck(other), &["pck.crl"]);
    let no_lists = KeyUsage::from_bits(32);
    check(
        &Machine::tdx().with(|it| it.pki.ca.shape.key_usage = Some(no_lists)),
        &["pck.crl"],
    );
    check(
        &Machine::tdx().under(|pki| pki.root.shape.key_usage = Some(no_lists)),
        &["ca.crl"],
    );
}

#[test]
fn what_is_revoked_vouches_for_nothing() {
    let revoked = |serial: u8| {
        let mut shape = list(9);
        shape.revoked = vec![vec![1, 2, 3], vec![0x22, serial]];
        shape
    };
    for machine in each() {
        let pck = |serial| {
            machine
                .clone()
                .with(|it| it.pki.pck_list.as_mut().expect("a list").shape = revoked(serial))
        };
        let root = |serial| {
            machine
                .clone()
                .with(|it| it.pki.root_list.as_mut().expect("a list").shape = revoked(serial))
        };
        check(&pck(3), &["pck.revoked"]);
        check(&pck(2), &[]);
        check(&root(1), &["ca.revoked"]);
        check(&root(2), &["ca.revoked"]);
        check(&root(4), &["ca.revoked"]);
        check(&root(3), &[]);
    }
}

#[test]
fn collateral_is_signed_by_whom_the_root_itself_certified() {
    let signer = |change: fn(&mut Pki)| {
        check(
            &Machine::tdx().with(|it| change(&mut it.pki)),
            &["endorsements.signer"],
        )
    };
    signer(|pki| pki.signer.signed_by = Key::Other);
    signer(|pki| {
        // Below the PCK authority.
        pki.signer.issuer = pki.ca.shape.subject.clone();
        pki.signer.signed_by = Key::Ca;
    });
    signer(|pki| pki.signer.shape.constraints = Constraints::Authority(Some(0)));
    signer(|pki| pki.signer.shape.key_usage = Some(KeyUsage::from_bits(64)));
    signer(|pki| {
        let mut other = pki.signer.clone();
        (other.key, other.signed_by) = (Key::Other, Key::Other);
        pki.qe_signer = Some(other);
    });
    // Another signer for the QE identity, certified as well.
    let two = |it: &mut Machine| {
        let mut other = it.pki.signer.clone();
        (other.key, other.shape.serial) = (Key::Other, vec![0x22, 9]);
        it.pki.qe_signer = Some(other);
    };
    check(&Machine::tdx().with(two), &[]);
}
