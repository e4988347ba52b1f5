//! Steps 9 and 10 for a TPM: counters, what the logs explain, and what may have booted.

use std::collections::BTreeMap;

use strongroom_crypto::digest::Digest32;

use super::facts::Facts;
use super::log::{Log, WORKLOAD_PCR};
use super::policy::Policy;
use super::step;
use crate::event_log::ima::{BootAggregate, IMA_PCR, ImaError, ImaLog, MeasuredFiles};
use crate::event_log::separators::{self, SeparatorError};
use crate::event_log::{Algorithm, Bank};
use crate::report::Report;
use crate::step::Step;

/// Registers that no program resets, and that therefore stand for everything since the machine started.
const STATIC_PCRS: std::ops::RangeInclusive<u8> = 0..=15;

pub(super) fn appraise(facts: &Facts, policy: &Policy, report: &mut Report) {
    check_clock(facts, policy, report); // 9
    check_quoted(facts, policy, report); // 9
    let log = facts.event_log.as_deref().map(Log::read).and_then(Result::ok);
    check_separators(log.as_ref(), report); // 9
    check_replay(facts, log.as_ref(), policy, report); // 9
    let list = facts.ima_log.as_deref().map(ImaLog::parse);
    let files = check_files(facts, list.as_ref(), report); // 9
    check_unexplained(facts, log.as_ref(), files.is_some(), policy, report); // 9
    check_values(facts, policy, report); // 10
    check_events(facts, log.as_ref(), policy, report); // 10
    check_allowed_files(facts, files.as_ref(), policy, report); // 10
}

fn check_clock(facts: &Facts, policy: &Policy, report: &mut Report) {
    let clock = facts.clock;
    if clock.safe {
        report.pass(step::CLOCK_SAFE, format!("{} ms", clock.clock_ms));
    } else {
        // True after every loss of power; it matters to who compares times.
        report.skip(step::CLOCK_SAFE, "power was cut: the clock may tell a time again");
    }
    count(report, step::RESET_COUNT, policy.reset_count, clock.reset_count);
    count(
        report,
        step::RESTART_COUNT,
        policy.restart_count,
        clock.restart_count,
    );
}

fn count(report: &mut Report, step: Step, expected: Option<u32>, found: u32) {
    match expected {
        None => report.skip(step, format!("no reference value; it is {found}")),
        Some(expected) => report.check(step, expected == found, expected.to_string(), found.to_string()),
    }
}

/// The selection was checked already; here it fails for the policy's registers alone.
fn check_quoted(facts: &Facts, policy: &Policy, report: &mut Report) {
    let missing = policy
        .registers()
        .into_iter()
        .find(|register| quoted(facts, *register).is_none());
    if let Some(pcr) = missing {
        report.fail(
            step::SELECTION,
            format!("PCR {pcr} among the registers: the policy asks for it"),
            format!("PCR {}", facts.quoted_ranges()),
        );
    }
}

fn quoted(facts: &Facts, register: u32) -> Option<Digest32> {
    facts.pcrs.get(u8::try_from(register).ok()?)
}

fn check_separators(log: Option<&Log<'_>>, report: &mut Report) {
    let Some(log) = log else {
        report.skip(step::SEPARATORS, "no event log");
        report.skip(step::BEHIND_SEPARATORS, "no event log");
        return;
    };
    const EACH: &str = "one in each register that firmware used";
    const BEHIND: &str = "separators of a firmware that could measure, and only what is started behind them";
    match separators::check(&log.events, Bank::TPM_SHA256) {
        Ok(()) => {
            report.pass(step::SEPARATORS, EACH);
            report.pass(step::BEHIND_SEPARATORS, "only what is started");
        }
        Err(error @ SeparatorError::Missing { .. }) => {
            report.fail(step::SEPARATORS, EACH, error.to_string());
            report.pass(step::BEHIND_SEPARATORS, "only what is started");
        }
        Err(error) => {
            report.skip(step::SEPARATORS, "nothing says where the firmware's part ends");
            report.fail(step::BEHIND_SEPARATORS, BEHIND, error.to_string());
        }
    }
}

fn check_replay(facts: &Facts, log: Option<&Log<'_>>, policy: &Policy, report: &mut Report) {
    let Some(log) = log else {
        report.skip(step::REPLAY, "no event log");
        return;
    };
    let ours = |pcr: u8| pcr == WORKLOAD_PCR && log.has_runtime_events();
    let logged = (0..24).filter(|pcr| log.events_of(*pcr) > 0 && !ours(*pcr));
    let (quoted, others): (Vec<u8>, Vec<u8>) = logged.partition(|pcr| facts.pcrs.get(*pcr).is_some());
    let (unlogged, replayed): (Vec<u8>, Vec<u8>) =
        quoted.into_iter().partition(|pcr| policy.allows_unlogged(*pcr));
    let divergence = replayed
        .iter()
        .find_map(|pcr| log.divergence(*pcr, &facts.pcrs.get(*pcr)?));
    if let Some(divergence) = divergence {
        report.fail(
            step::REPLAY,
            "a log that leads to every quoted register",
            divergence,
        );
        return;
    }
    let mut found = match replayed.as_slice() {
        [] => "no events of quoted registers".to_owned(),
        replayed => format!("leads to PCR {}", super::attest::ranges(replayed)),
    };
    for (pcrs, why) in [
        (unlogged, "may differ, by the policy"),
        (others, "not quoted: nothing is known of it"),
    ] {
        if !pcrs.is_empty() {
            found += &format!("; PCR {} {why}", super::attest::ranges(&pcrs));
        }
    }
    report.pass(step::REPLAY, found);
}

/// The files that the kernel measured, as far as PCR 10 vouches for them.
fn check_files<'l>(
    facts: &Facts,
    list: Option<&'l Result<ImaLog<'_>, ImaError>>,
    report: &mut Report,
) -> Option<MeasuredFiles<'l>> {
    let expected = format!("a list whose beginning leads to PCR {IMA_PCR}");
    let confirmed = match (list, quoted(facts, IMA_PCR)) {
        (None, _) => {
            report.skip(step::IMA, "no list of measured files given");
            return None;
        }
        (Some(_), None) => Err(format!("PCR {IMA_PCR} is not quoted")),
        (Some(Err(error)), _) => Err(error.to_string()),
        (Some(Ok(list)), Some(value)) => list
            .confirm(IMA_PCR, Algorithm::Sha256, value.as_bytes())
            .map_err(|error| error.to_string()),
    };
    match confirmed {
        Ok(files) => {
            let later = match files.unvouched() {
                0 => String::new(),
                count => format!("; {count} more are of later, and not looked at"),
            };
            report.pass(step::IMA, format!("{} entries{later}", files.entries().len()));
            Some(files)
        }
        Err(why) => {
            report.fail(step::IMA, expected, why);
            None
        }
    }
}

fn check_unexplained(
    facts: &Facts,
    log: Option<&Log<'_>>,
    has_files: bool,
    policy: &Policy,
    report: &mut Report,
) {
    let Some(log) = log else {
        report.skip(
            step::UNEXPLAINED,
            "no event log: registers are known by their values alone",
        );
        return;
    };
    let fixed = |pcr: u8| policy.pcrs.keys().any(|fixed| fixed.0 == pcr);
    let of_files = |pcr: u8| has_files && u32::from(pcr) == IMA_PCR;
    let unexplained = facts.pcrs.iter().find(|(pcr, value)| {
        STATIC_PCRS.contains(pcr)
            && log.events_of(*pcr) == 0
            && log.divergence(*pcr, value).is_some()
            && !fixed(*pcr)
            && !of_files(*pcr)
            && !policy.allows_unlogged(*pcr)
    });
    match unexplained {
        None => report.pass(step::UNEXPLAINED, "nothing"),
        Some((pcr, value)) => report.fail(
            step::UNEXPLAINED,
            format!("no event in PCR {pcr}, as the log has none"),
            format!("PCR {pcr} holds {value}"),
        ),
    }
}

fn check_values(facts: &Facts, policy: &Policy, report: &mut Report) {
    if policy.pcrs.is_empty() {
        report.skip(step::VALUES, "no reference value");
        return;
    }
    let differs = policy.pcrs.iter().find_map(|(pcr, accepted)| {
        let found = facts.pcrs.get(pcr.0)?;
        (!accepted.values().contains(&found)).then_some((pcr.0, accepted, found))
    });
    match differs {
        None => {
            let pcrs: Vec<u8> = policy.pcrs.keys().map(|pcr| pcr.0).collect();
            report.pass(step::VALUES, format!("PCR {}", super::attest::ranges(&pcrs)));
        }
        Some((pcr, accepted, found)) => {
            let accepted: Vec<String> = accepted
                .values()
                .iter()
                .take(4)
                .map(ToString::to_string)
                .collect();
            report.fail(
                step::VALUES,
                format!("PCR {pcr}: {}", accepted.join(" or ")),
                format!("PCR {pcr}: {found}"),
            );
        }
    }
}

/// Of a register that is not quoted, or where the log leads elsewhere, no event counts.
fn check_events(facts: &Facts, log: Option<&Log<'_>>, policy: &Policy, report: &mut Report) {
    let Some(events) = &policy.events else {
        report.skip(step::EVENTS, "no rule for events");
        return;
    };
    let confirmed = log.map(|log| {
        let registers = facts.pcrs.iter();
        let leads = registers.filter(|(pcr, value)| log.divergence(*pcr, value).is_none());
        let leads = leads.map(|(pcr, value)| (pcr.into(), value.as_bytes().as_slice()));
        log.replay.clone().confirm(leads)
    });
    let outcome = match confirmed {
        None => Err("no event log".to_owned()),
        Some(Err(divergence)) => Err(divergence.to_string()),
        Some(Ok(confirmed)) => events.check(&confirmed).map_err(|failure| failure.to_string()),
    };
    match outcome {
        Ok(()) => report.pass(step::EVENTS, "events that the policy allows"),
        Err(why) => report.fail(step::EVENTS, "events that the policy allows", why),
    }
}

/// The list must begin with this boot: where the kernel measured nothing, an empty list leads to its register too.
fn check_allowed_files(
    facts: &Facts,
    files: Option<&MeasuredFiles<'_>>,
    policy: &Policy,
    report: &mut Report,
) {
    let Some(allowed) = &policy.ima else {
        report.skip(step::FILES, "no rule for measured files");
        return;
    };
    let outcome = match files {
        None => Err("no list of measured files that a quote vouches for".to_owned()),
        Some(files) => check_beginning(facts, files)
            .and_then(|()| allowed.check(files).map_err(|failure| failure.to_string())),
    };
    match outcome {
        Ok(()) => report.pass(step::FILES, "files that the policy allows"),
        Err(why) => report.fail(step::FILES, "files that the policy allows", why),
    }
}

fn check_beginning(facts: &Facts, files: &MeasuredFiles<'_>) -> Result<(), String> {
    let quoted: BTreeMap<u32, &[u8]> = facts
        .pcrs
        .iter()
        .map(|(pcr, value)| (pcr.into(), value.as_bytes().as_slice()))
        .collect();
    let why = match files.boot_aggregate(|pcr| quoted.get(&pcr).copied()) {
        BootAggregate::Matches => return Ok(()),
        BootAggregate::Differs => "is of other values of PCR 0-9 than those quoted",
        BootAggregate::NotQuoted => "cannot be compared: PCR 0-9 are not all quoted, or it is no SHA-256",
        BootAggregate::Missing => "is missing: the kernel measured nothing, or not from its start",
    };
    Err(format!("the first entry of the list, boot_aggregate, {why}"))
}
