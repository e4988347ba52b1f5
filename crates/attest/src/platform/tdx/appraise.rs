//! Steps 9 and 10 for TDX: the TD's attributes, what else has a hold on it, the platform, and what was measured.

use strongroom_crypto::time::UnixTime;

use super::attributes;
use super::facts::Facts;
use super::log::{self, Log};
use super::policy::Policy;
use super::report::TdReport;
use super::step;
use crate::hex_bytes::HexBytes;
use crate::platform::dcap;
use crate::reference::{Fields, any_of};
use crate::report::Report;

impl Facts {
    pub(crate) fn appraise(&self, expected: &Fields, now: UnixTime, report: &mut Report) {
        let policy = &expected.tdx.clone().unwrap_or_default();
        check_attributes(&self.td, report); // 9
        check_service_tds(&self.td, &policy.service_tds, report); // 9
        check_module(&self.td, report); // 9
        check_neutral_attributes(&self.td, policy, report); // 9
        dcap::one_of(step::XFAM, &policy.xfam, Some(&self.td.xfam), report); // 9
        dcap::appraise_tcb(self.platform.as_ref(), &policy.tcb, now, report); // 9
        dcap::appraise_hardware(self.platform.as_ref(), &policy.hardware, report); // 9
        let log = self.event_log.as_deref().map(Log::read).and_then(Result::ok);
        let expects_program = !expected.measurements.is_empty();
        log::check_replay(log.as_ref(), &self.td, policy, report); // 9
        log::check_explained(log.as_ref(), &self.td, policy, expects_program, report); // 9
        check_measurements(&self.td, policy, report); // 10
        log::check_program(self.program, policy, report); // 10
        log::check_events(log, &self.td, policy, report); // 10
    }
}

/// Bits that have to be set, or clear, whatever the policy says. Debug mode is every platform's check.
fn check_attributes(td: &TdReport, report: &mut Report) {
    let set = |bits: u64| td.td_attributes & bits != 0;
    for (step, bits, expected) in [
        (step::PROFILING, attributes::PROFILING, false),
        (step::SEPT_VE_DISABLE, attributes::SEPT_VE_DISABLE, true),
        (step::MIGRATABLE, attributes::MIGRATABLE, false),
        (step::SERVTD_EXT, attributes::SERVTD_EXT, false),
    ] {
        report.check(step, set(bits) == expected, shown(expected), shown(set(bits)));
    }
    report.check(
        step::RESERVED,
        !set(attributes::RESERVED),
        "none of the reserved bits",
        attributes::unnamed(td.td_attributes),
    );
}

const fn shown(set: bool) -> &'static str {
    if set { "set" } else { "clear" }
}

/// At the start, and now where the TD can tell.
fn check_service_tds(td: &TdReport, accepted: &[HexBytes<48>], report: &mut Report) {
    let Some(td15) = &td.td15 else {
        report.skip(step::SERVICE_TD, "TDX 1.0 knows no service TDs");
        return;
    };
    let mut bound = vec![&td15.mrservicetd];
    if let Some(extension) = td.extension() {
        bound.extend([
            &extension.initial_service_td_hash,
            &extension.current_service_td_hash,
        ]);
    }
    bound.retain(|hash| !hash.is_zero());
    bound.dedup();
    let holds = bound.iter().all(|hash| accepted.contains(hash));
    let expected = match accepted {
        [] => "none".to_owned(),
        accepted => format!("none or {}", any_of(accepted)),
    };
    let found: Vec<_> = bound.iter().map(ToString::to_string).collect();
    let found = if found.is_empty() {
        "none".to_owned()
    } else {
        found.join(", ")
    };
    report.check(step::SERVICE_TD, holds, expected, found);
}

fn check_module(td: &TdReport, report: &mut Report) {
    let zero = HexBytes([0; 48]);
    report.check(
        step::SEAM_SIGNER,
        td.mrsignerseam.is_zero(),
        zero.to_string(),
        td.mrsignerseam.to_string(),
    );
    report.check(
        step::SEAM_ATTRIBUTES,
        td.seam_attributes.is_zero(),
        "0000000000000000",
        td.seam_attributes.to_string(),
    );
}

fn check_neutral_attributes(td: &TdReport, policy: &Policy, report: &mut Report) {
    let asked = &policy.td_attributes;
    for (step, bit, demand) in [
        (step::ICSSD, attributes::ICSSD, asked.icssd),
        (step::LASS, attributes::LASS, asked.lass),
        (step::PKS, attributes::PKS, asked.pks),
        (step::KL, attributes::KL, asked.kl),
        (step::TPA, attributes::TPA, asked.tpa),
        (step::PERFMON, attributes::PERFMON, asked.perfmon),
    ] {
        dcap::demanded(step, demand, Some(td.td_attributes & bit != 0), report);
    }
}

fn check_measurements(td: &TdReport, policy: &Policy, report: &mut Report) {
    let [rtmr0, rtmr1, rtmr2, rtmr3] = &td.rtmrs;
    for (step, accepted, found) in [
        (step::MRSEAM, &policy.mrseam, &td.mrseam),
        (step::MRCONFIGID, &policy.mrconfigid, &td.mrconfigid),
        (step::MROWNER, &policy.mrowner, &td.mrowner),
        (step::MROWNERCONFIG, &policy.mrownerconfig, &td.mrownerconfig),
        (step::RTMR0, &policy.rtmr0, rtmr0),
        (step::RTMR1, &policy.rtmr1, rtmr1),
        (step::RTMR2, &policy.rtmr2, rtmr2),
        (step::RTMR3, &policy.rtmr3, rtmr3),
    ] {
        dcap::one_of(step, accepted, Some(found), report);
    }
}
