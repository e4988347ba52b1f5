//! How well a platform is patched, under a root of the test's own: levels, TDX modules, and the words for both together.

mod intel;

use intel::certificates::{PCE_SVN, SVNS};
use intel::collateral::{enclave_level, level};
use intel::quote::{Kind, TEE_TCB_SVN};
use intel::{Machine, NOW, check};
use serde_json::{Value, json};
use strongroom_attest::reference::{Exception, Expiry};

/// Status and advisories that come out.
fn tcb(machine: &Machine) -> (String, Vec<String>) {
    let report = machine.inspect();
    let tcb = report.tcb().unwrap_or_else(|| panic!("no status: {report}"));
    (tcb.status.clone(), tcb.advisories.clone())
}

#[track_caller]
fn becomes(machine: &Machine, status: &str, advisories: &[&str]) {
    let expected: Vec<String> = advisories.iter().map(|id| (*id).to_owned()).collect();
    assert_eq!(tcb(machine), (status.to_owned(), expected));
}

/// The machine with these levels in its TCB information.
fn levels(kind: Kind, levels: Vec<Value>) -> Machine {
    Machine::new(kind).with(|it| it.tcb_info["tcbLevels"] = levels.into())
}

#[test]
fn every_component_of_a_level_has_to_be_met() {
    for kind in Kind::ALL {
        let good = || level(kind, &SVNS, PCE_SVN, &TEE_TCB_SVN, "UpToDate", &[]);
        check(&levels(kind, vec![good()]), &[]);
        let needs = |path: &str, index: usize, more: u64| {
            let mut level = good();
            let svn = &mut level["tcb"][path][index]["svn"];
            *svn = (svn.as_u64().expect("a number") + more).into();
            levels(kind, vec![level])
        };
        for index in 0..16 {
            check(&needs("sgxtcbcomponents", index, 1), &["tcb.no_matching_level"]);
        }
        let mut pce = good();
        pce["tcb"]["pcesvn"] = (PCE_SVN + 1).into();
        check(&levels(kind, vec![pce]), &["tcb.no_matching_level"]);
        if kind != Kind::Sgx {
            // With a module version the first two are the module's own business.
            for (index, expected) in (0..16).zip(
                [&[][..], &[], &["tcb.no_matching_level"]]
                    .into_iter()
                    .chain(std::iter::repeat(&["tcb.no_matching_level"][..])),
            ) {
                check(&needs("tdxtcbcomponents", index, 1), expected);
            }
        }
        check(&levels(kind, Vec::new()), &["tcb.no_matching_level"]);
    }
}

#[test]
fn a_module_without_a_version_is_matched_like_any_component() {
    let old = |needs: [u8; 2]| {
        let svn = [3, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut needed = svn;
        needed[..2].copy_from_slice(&needs);
        let level = level(Kind::Td10, &SVNS, PCE_SVN, &needed, "UpToDate", &[]);
        levels(Kind::Td10, vec![level]).body_at(0, &svn)
    };
    check(&old([3, 0]), &[]);
    check(&old([4, 0]), &["tcb.no_matching_level"]);
    check(&old([3, 1]), &["tcb.no_matching_level"]);
}

#[test]
fn the_best_level_that_is_met_counts_wherever_it_stands() {
    let mut better = SVNS;
    better[0] += 1;
    let mut worse = SVNS;
    worse[0] -= 1;
    let of = |svns, status, advisories: &[&str]| level(Kind::Sgx, svns, 5, &[0; 16], status, advisories);
    let mut listed = vec![
        of(&worse, "OutOfDate", &["INTEL-SA-00009"]),
        of(&SVNS, "SWHardeningNeeded", &["INTEL-SA-00002", "INTEL-SA-00001"]),
        of(&better, "UpToDate", &[]),
    ];
    for _ in 0..3 {
        listed.rotate_left(1);
        let machine = levels(Kind::Sgx, listed.clone());
        becomes(
            &machine,
            "SWHardeningNeeded",
            &["INTEL-SA-00001", "INTEL-SA-00002"],
        );
    }
    // The same components, and a PCE of another version.
    let by_pce = vec![
        level(Kind::Sgx, &SVNS, 5, &[0; 16], "OutOfDate", &[]),
        level(Kind::Sgx, &SVNS, PCE_SVN, &[0; 16], "UpToDate", &[]),
    ];
    becomes(&levels(Kind::Sgx, by_pce), "UpToDate", &[]);
}

#[test]
fn the_tdx_module_is_one_that_intel_knows() {
    let module = ["tcb.tdx_module"];
    // Another version; a version of the module that is older than all.
    check(&Machine::new(Kind::Td10).body_at(1, &[3]), &module);
    check(&Machine::new(Kind::Td10).body_at(0, &[2]), &module);
    let info = |path: &'static str, value: &str| {
        let value: Value = value.into();
        Machine::tdx().with(|it| it.tcb_info["tdxModuleIdentities"][0][path] = value)
    };
    check(&info("id", "TDX_02"), &module);
    check(&info("id", "tdx_01"), &[]);
    check(&info("mrsigner", &"01".repeat(48)), &module);
    check(&info("attributes", "0100000000000000"), &module);
    // Outside the mask a bit has to be zero.
    let masked = info("attributesMask", "0000000000000000").body_at(112, &[1]);
    check(&masked, &["tcb.tdx_module", "seam.attributes"]);
    let signed = Machine::tdx().body_at(64, &[1]);
    check(&signed, &["tcb.tdx_module", "seam.signer"]);
    // Where the collateral knows such a module, it is still none of Intel's production.
    let known = info("mrsigner", &format!("01{}", "00".repeat(47))).body_at(64, &[1]);
    check(&known, &["seam.signer"]);
    let attributes = info("attributes", "0100000000000000").body_at(112, &[1]);
    check(&attributes, &["seam.attributes"]);
    // The base module, where no version is named.
    let base = |change: fn(&mut Value)| {
        let needed = level(Kind::Td10, &SVNS, PCE_SVN, &[0; 16], "UpToDate", &[]);
        let machine = levels(Kind::Td10, vec![needed]).body_at(0, &[5, 0]);
        machine.with(|it| change(&mut it.tcb_info["tdxModule"]))
    };
    check(&base(|_| {}), &[]);
    check(
        &base(|module| module["mrsigner"] = "02".repeat(48).into()),
        &module,
    );
}

#[test]
fn platform_module_and_quoting_enclave_share_one_word() {
    let platform = |status, advisories: &[&str]| {
        levels(
            Kind::Td10,
            vec![level(Kind::Td10, &SVNS, PCE_SVN, &[0; 16], status, advisories)],
        )
    };
    let module_is_old = |machine: Machine| machine.body_at(0, &[3, 1]);
    let qe_is_old = |machine: Machine| machine.qe_at(258, &[6]);
    becomes(&platform("UpToDate", &[]), "UpToDate", &[]);
    becomes(
        &module_is_old(platform("UpToDate", &["INTEL-SA-00001"])),
        "OutOfDate",
        &["INTEL-SA-00001", "INTEL-SA-00003"],
    );
    becomes(
        &qe_is_old(platform("SWHardeningNeeded", &[])),
        "OutOfDate",
        &["INTEL-SA-00004"],
    );
    becomes(
        &qe_is_old(module_is_old(platform(
            "ConfigurationNeeded",
            &["INTEL-SA-00003"],
        ))),
        "OutOfDateConfigurationNeeded",
        &["INTEL-SA-00003", "INTEL-SA-00004"],
    );
    let word = |status: &str| {
        platform("UpToDate", &[]).with(|it| {
            it.qe_identity["tcbLevels"] = json!([enclave_level(1, status, &[])]);
        })
    };
    becomes(&word("ConfigurationNeeded"), "UpToDate", &[]);
    becomes(&word("OutOfDate"), "OutOfDate", &[]);
}

/// TDX 1.5 started with one TDX module and runs with another.
fn relaunch(launch: u8, now: u8) -> Machine {
    Machine::tdx().body_at(0, &[launch]).body_at(584, &[now])
}

#[test]
fn a_td_that_was_started_before_an_update_should_be_started_again() {
    becomes(&relaunch(5, 5), "UpToDate", &[]);
    becomes(&relaunch(3, 5), "TDRelaunchAdvised", &["INTEL-SA-00003"]);
    becomes(&relaunch(3, 3), "OutOfDate", &["INTEL-SA-00003"]);
    becomes(&relaunch(5, 3), "UpToDate", &[]);
    let configured = |status| {
        relaunch(3, 5).with(|it| {
            it.tcb_info["tcbLevels"] = json!([level(Kind::Td15, &SVNS, PCE_SVN, &[0; 16], status, &[])]);
        })
    };
    becomes(
        &configured("ConfigurationNeeded"),
        "TDRelaunchAdvisedConfigurationNeeded",
        &["INTEL-SA-00003"],
    );
    check(&relaunch(3, 5), &["tcb.status"]);
    // What runs now has to be known as well.
    check(&relaunch(5, 2), &["tcb.tdx_module"]);
    check(
        &Machine::tdx().body_at(586, &[3]).with(|it| {
            it.tcb_info["tcbLevels"] =
                json!([level(Kind::Td15, &SVNS, PCE_SVN, &TEE_TCB_SVN, "UpToDate", &[])]);
        }),
        &["tcb.no_matching_level"],
    );
}

#[test]
fn what_is_revoked_nobody_can_answer_for() {
    let revoked = [
        levels(
            Kind::Sgx,
            vec![level(Kind::Sgx, &SVNS, PCE_SVN, &[0; 16], "Revoked", &[])],
        ),
        Machine::tdx()
            .with(|it| it.tcb_info["tdxModuleIdentities"][0]["tcbLevels"][0]["tcbStatus"] = "Revoked".into()),
        Machine::sgx().with(|it| it.qe_identity["tcbLevels"][0]["tcbStatus"] = "Revoked".into()),
        // Only now.
        relaunch(5, 3)
            .with(|it| it.tcb_info["tdxModuleIdentities"][0]["tcbLevels"][1]["tcbStatus"] = "Revoked".into()),
    ];
    for machine in revoked {
        check(&machine, &["tcb.revoked", "tcb.status"]);
        let excused = machine.with(|it| it.policy.exceptions = vec![exception("tcb.status", None)]);
        check(&excused, &["tcb.revoked"]);
    }
}

fn exception(check: &str, found: Option<&str>) -> Exception {
    Exception {
        check: check.to_owned(),
        found: found.map(str::to_owned),
        owner: "operations".to_owned(),
        reason: "the maker's update comes in October".to_owned(),
        expires: Expiry(NOW.plus(1)),
    }
}
