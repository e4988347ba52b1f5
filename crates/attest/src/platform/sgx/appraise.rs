//! Steps 9 and 10 for SGX: the enclave's attributes, the platform, and what is fixed when the enclave starts.

use strongroom_crypto::time::UnixTime;

use super::facts::Facts;
use super::policy::{Masked, Policy};
use super::step;
use crate::hex_bytes::HexBytes;
use crate::platform::dcap;
use crate::report::Report;
use crate::step::Step;

/// Flags of ATTRIBUTES (Intel SDM volume 3D, table 37-3).
const INIT: u64 = 1;
const PROVISION_KEY: u64 = 1 << 4;
const EINITTOKEN_KEY: u64 = 1 << 5;
const KSS: u64 = 1 << 7;

impl Facts {
    pub(crate) fn appraise(&self, policy: &Policy, now: UnixTime, report: &mut Report) {
        check_attributes(self, policy, report); // 9
        dcap::appraise_tcb(self.platform.as_ref(), &policy.tcb, now, report); // 9
        dcap::appraise_hardware(self.platform.as_ref(), &policy.hardware, report); // 9
        check_platform_svns(self, policy, report); // 9
        let enclave = &self.enclave;
        dcap::one_of(
            step::CONFIG_ID,
            &policy.config_ids,
            Some(&enclave.config_id),
            report,
        ); // 10
        check_config_svn(enclave.config_svn, policy.config_svn_min, report); // 10
        dcap::one_of(
            step::FAMILY_ID,
            &policy.family_ids,
            Some(&enclave.family_id),
            report,
        ); // 10
        let product = Some(&enclave.extended_product_id);
        dcap::one_of(
            step::EXTENDED_PRODUCT_ID,
            &policy.extended_product_ids,
            product,
            report,
        ); // 10
    }
}

/// Intel's levels say more, and change; this is for those who fix a floor of their own.
fn check_platform_svns(facts: &Facts, policy: &Policy, report: &mut Report) {
    let pck = facts.platform.as_ref().map(|platform| &platform.pck);
    match (policy.cpu_svn_min, pck.map(|pck| pck.cpu_svn)) {
        (None, found) => report.skip(step::CPU_SVN, no_floor(found)),
        (Some(least), found) => {
            let reached =
                |found: HexBytes<16>| found.0.iter().zip(&least.0).all(|(found, least)| found >= least);
            let expected = format!("at least {least}, component by component");
            report.check(step::CPU_SVN, found.is_some_and(reached), expected, shown(found));
        }
    }
    match (policy.pce_svn_min, pck.map(|pck| pck.pce_svn)) {
        (None, found) => report.skip(step::PCE_SVN, no_floor(found)),
        (Some(least), found) => {
            let holds = found.is_some_and(|found| found >= least);
            report.check(step::PCE_SVN, holds, format!("at least {least}"), shown(found));
        }
    }
}

fn no_floor(found: Option<impl std::fmt::Display>) -> String {
    format!("no least one is asked for; it is {}", shown(found))
}

fn shown(found: Option<impl std::fmt::Display>) -> String {
    found.map_or_else(|| "not known".to_owned(), |found| found.to_string())
}

fn check_attributes(facts: &Facts, policy: &Policy, report: &mut Report) {
    let enclave = &facts.enclave;
    let set = |flag: u64| enclave.flags() & flag != 0;
    let attributes = &policy.attributes;
    report.check(
        step::INIT,
        set(INIT),
        "set",
        if set(INIT) { "set" } else { "clear" },
    );
    for (step, demand, flag) in [
        (step::PROVISION_KEY, attributes.provision_key, PROVISION_KEY),
        (step::EINITTOKEN_KEY, attributes.einittoken_key, EINITTOKEN_KEY),
        (step::KSS, attributes.kss, KSS),
    ] {
        dcap::demanded(step, demand, Some(set(flag)), report);
    }
    check_masked(
        step::ATTRIBUTES,
        attributes.value.as_ref(),
        enclave.attributes,
        report,
    );
    let misc_select = HexBytes(enclave.misc_select.to_le_bytes());
    check_masked(
        step::MISC_SELECT,
        attributes.misc_select.as_ref(),
        misc_select,
        report,
    );
}

fn check_masked<const N: usize>(
    step: Step,
    expected: Option<&Masked<N>>,
    found: HexBytes<N>,
    report: &mut Report,
) {
    match expected {
        None => report.skip(step, format!("no reference value; it is {found}")),
        Some(Masked { value, mask }) => report.check(
            step,
            dcap::equal_under(&found.0, &value.0, &mask.0),
            format!("{value} under {mask}"),
            found.to_string(),
        ),
    }
}

fn check_config_svn(found: u16, least: Option<u16>, report: &mut Report) {
    match least {
        None => report.skip(step::CONFIG_SVN, format!("no reference value; it is {found}")),
        Some(least) => report.check(
            step::CONFIG_SVN,
            found >= least,
            format!("at least {least}"),
            found.to_string(),
        ),
    }
}
