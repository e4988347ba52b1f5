//! Step 9 for SGX and TDX alike: whether the platform is patched as a policy asks, and is one of its machines.

use std::collections::BTreeSet;

use strongroom_crypto::time::UnixTime;

use super::facts::{PlatformFacts, TcbFacts};
use super::policy::{Demand, HardwarePolicy, TcbPolicy};
use super::status::TcbStatus;
use super::step;
use crate::reference::any_of;
use crate::report::Report;
use crate::step::Step;

const DAY_SECONDS: u64 = 24 * 3600;

pub(crate) fn appraise_tcb(
    platform: Option<&PlatformFacts>,
    policy: &TcbPolicy,
    now: UnixTime,
    report: &mut Report,
) {
    let Some(tcb) = platform.and_then(|platform| platform.tcb.as_ref()) else {
        for step in [
            step::TCB_STATUS,
            step::TCB_ADVISORIES,
            step::EVALUATION_NUMBER,
            step::COLLATERAL_AGE,
        ] {
            report.skip(step, "Intel's word on this platform is not known");
        }
        return;
    };
    report.check(
        step::TCB_STATUS,
        policy.accepts(tcb, now),
        policy.describe(tcb),
        tcb.status.name(),
    );
    check_advisories(tcb, policy, report);
    match policy.evaluation_number_min {
        None => report.skip(
            step::EVALUATION_NUMBER,
            format!("no least one is asked for; it is {}", tcb.evaluation_number),
        ),
        Some(least) => report.check(
            step::EVALUATION_NUMBER,
            tcb.evaluation_number >= least,
            format!("at least {least}"),
            tcb.evaluation_number.to_string(),
        ),
    }
    match policy.collateral_age_days_max {
        None => report.skip(
            step::COLLATERAL_AGE,
            format!("no age is asked for; issued at {}", tcb.issued_at),
        ),
        Some(days) => {
            let oldest = now.minus(u64::from(days) * DAY_SECONDS);
            report.check(
                step::COLLATERAL_AGE,
                tcb.issued_at >= oldest,
                format!("issued at {oldest} or later"),
                format!("issued at {}", tcb.issued_at),
            );
        }
    }
}

impl TcbPolicy {
    fn accepts(&self, tcb: &TcbFacts, now: UnixTime) -> bool {
        let within = |days: &u32| now <= tcb.date.plus(u64::from(*days) * DAY_SECONDS);
        self.accepted_statuses.contains(&tcb.status) || self.grace_days.get(&tcb.status).is_some_and(within)
    }

    fn describe(&self, tcb: &TcbFacts) -> String {
        let always = self.accepted_statuses.iter().map(ToString::to_string);
        let grace = self.grace_days.iter().map(|(status, days)| {
            if *status == tcb.status {
                format!("{status} until {}", tcb.date.plus(u64::from(*days) * DAY_SECONDS))
            } else {
                format!("{status} for {days} days")
            }
        });
        always.chain(grace).collect::<Vec<_>>().join(" or ")
    }
}

fn check_advisories(tcb: &TcbFacts, policy: &TcbPolicy, report: &mut Report) {
    // An empty list asks nothing.
    let asked = [
        (true, &policy.accepted_advisories),
        (
            tcb.status == TcbStatus::SWHardeningNeeded,
            &policy.hardening_advisories,
        ),
    ];
    let asked = asked.map(|(applies, list)| Some(list).filter(|list| applies && !list.is_empty()));
    if asked.iter().all(Option::is_none) && policy.denied_advisories.is_empty() {
        report.skip(
            step::TCB_ADVISORIES,
            format!("the policy names none; open are {}", listed(&tcb.advisories)),
        );
        return;
    }
    let names = |list: &BTreeSet<String>, id: &str| list.iter().any(|name| name.eq_ignore_ascii_case(id));
    let refused: Vec<_> = tcb
        .advisories
        .iter()
        .filter(|id| {
            let unknown = asked.iter().flatten().any(|accepted| !names(accepted, id));
            unknown || names(&policy.denied_advisories, id)
        })
        .cloned()
        .collect();
    let found = if refused.is_empty() {
        &tcb.advisories
    } else {
        &refused
    };
    report.check(
        step::TCB_ADVISORIES,
        refused.is_empty(),
        "open advisories that the policy accepts",
        listed(found),
    );
}

fn listed(ids: &[String]) -> String {
    if ids.is_empty() {
        "none".to_owned()
    } else {
        ids.join(", ")
    }
}

pub(crate) fn appraise_hardware(
    platform: Option<&PlatformFacts>,
    policy: &HardwarePolicy,
    report: &mut Report,
) {
    let pck = platform.map(|platform| &platform.pck);
    one_of(step::FMSPC, &policy.fmspcs, pck.map(|pck| &pck.fmspc), report);
    one_of(step::PPID, &policy.ppids, pck.map(|pck| &pck.ppid), report);
    let instance = pck.and_then(|pck| pck.platform_instance_id.as_ref());
    one_of(
        step::PLATFORM_INSTANCE,
        &policy.platform_instance_ids,
        instance,
        report,
    );
    for (step, demand, found) in [
        (step::SMT, policy.smt, pck.and_then(|pck| pck.smt)),
        (
            step::CACHED_KEYS,
            policy.cached_keys,
            pck.and_then(|pck| pck.cached_keys),
        ),
        (
            step::DYNAMIC_PLATFORM,
            policy.dynamic_platform,
            pck.and_then(|pck| pck.dynamic_platform),
        ),
    ] {
        demanded(step, demand, found, report);
    }
}

/// Holds a value against a list; an empty one asks nothing.
pub(crate) fn one_of<T: PartialEq + std::fmt::Display>(
    step: Step,
    accepted: &[T],
    found: Option<&T>,
    report: &mut Report,
) {
    let shown = found.map_or_else(|| "none".to_owned(), ToString::to_string);
    if accepted.is_empty() {
        report.skip(step, format!("no reference value; it is {shown}"));
        return;
    }
    let holds = found.is_some_and(|found| accepted.contains(found));
    report.check(step, holds, any_of(accepted), shown);
}

/// Holds a bit against what is asked of it; nothing may be.
pub(crate) fn demanded(step: Step, demand: Option<Demand>, found: Option<bool>, report: &mut Report) {
    let shown = match found {
        Some(true) => "set",
        Some(false) => "clear",
        None => "not said",
    };
    match demand {
        None => report.skip(step, format!("nothing is asked; it is {shown}")),
        Some(demand) => {
            let holds = found.is_some_and(|set| demand.holds(set));
            report.check(step, holds, demand.name(), shown);
        }
    }
}
