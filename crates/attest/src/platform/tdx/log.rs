//! Event logs held against the quoted RTMRs. What program and workload are said to be is verified before any policy
//! ([`check_runtime`]); how the TD booted is held against the policy.

use strongroom_crypto::digest::Digest32;

use super::policy::Policy;
use super::report::TdReport;
use super::step;
use crate::event_log::runtime::{self, RuntimeEvents};
use crate::event_log::{Bank, EventLog, Layout, Replay};
use crate::platform::tpm::step as log_step;
use crate::report::Report;

/// The register of program and workload.
const WORKLOAD_RTMR: u8 = 3;

/// A log that was read and replayed.
#[derive(Debug)]
pub(super) struct Log<'a> {
    events: EventLog<'a>,
    replay: Replay<'a>,
}

impl<'a> Log<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let events = EventLog::parse(bytes).map_err(|error| error.to_string())?;
        let replay = Replay::of(&events, Bank::TDX).map_err(|error| error.to_string())?;
        Ok(Self { events, replay })
    }

    fn has_runtime_events(&self) -> bool {
        let mut events = self.events.events().iter();
        events.any(|event| {
            event.index() == runtime::WORKLOAD_CCEL_INDEX && event.event_type() == runtime::EVENT_TYPE
        })
    }

    fn has_events_of(&self, rtmr: u8) -> bool {
        self.replay.steps(rtmr.into()).next().is_some()
    }

    /// Why the register does not stand where the log leads; nothing where it does.
    fn divergence(&self, td: &TdReport, rtmr: u8) -> Option<String> {
        let quoted = td.rtmrs.get(usize::from(rtmr))?;
        let divergence = self.replay.first_divergence([(u32::from(rtmr), &quoted.0[..])]);
        divergence.map(|divergence| format!("{}: {divergence}", name(rtmr)))
    }
}

fn name(rtmr: u8) -> String {
    Layout::Tdx.name(rtmr.into())
}

pub(super) fn parse<'a>(bytes: Option<&'a [u8]>, report: &mut Report) -> Option<Log<'a>> {
    let Some(bytes) = bytes else {
        report.skip(log_step::LOG_FORMAT, "no event log given");
        return None;
    };
    match Log::read(bytes) {
        Ok(log) => {
            let count = log.events.events().len();
            report.pass(log_step::LOG_FORMAT, format!("{count} events"));
            Some(log)
        }
        Err(why) => {
            report.fail(log_step::LOG_FORMAT, "a TCG event log with SHA-384 digests", why);
            None
        }
    }
}

/// Program and workload as RTMR3 proves them: the log leads to its value, and it holds our events and nothing else. What
/// comes back holds only if the report says so.
pub(super) fn check_runtime(log: Option<&Log<'_>>, td: &TdReport, report: &mut Report) -> RuntimeEvents {
    let Some(log) = log.filter(|log| log.has_runtime_events()) else {
        report.skip(log_step::RUNTIME, "no event of Strongroom's");
        return RuntimeEvents::default();
    };
    let expected = "program and workload, and nothing else, in RTMR3";
    match runtime::read(&log.events, runtime::WORKLOAD_CCEL_INDEX) {
        Ok(events) => {
            match log.divergence(td, WORKLOAD_RTMR) {
                None => report.pass(log_step::RUNTIME, describe(&events)),
                Some(divergence) => report.fail(log_step::RUNTIME, expected, divergence),
            }
            events
        }
        Err(error) => {
            report.fail(log_step::RUNTIME, expected, error.to_string());
            RuntimeEvents::default()
        }
    }
}

fn describe(events: &RuntimeEvents) -> String {
    let part = |name: &str, digest: Option<Digest32>| {
        digest.map_or_else(|| format!("no {name}"), |digest| format!("{name} {digest}"))
    };
    format!(
        "{}, {}",
        part("program", events.program),
        part("workload", events.workload)
    )
}

/// The log leads to every register that it has events of, but for those that the policy lets differ. Registers that a
/// rule of the policy speaks of may not.
pub(super) fn check_replay(log: Option<&Log<'_>>, td: &TdReport, policy: &Policy, report: &mut Report) {
    let Some(log) = log else {
        report.skip(log_step::REPLAY, "no event log");
        return;
    };
    let (mut leads_to, mut may_differ, mut untold) = (Vec::new(), Vec::new(), Vec::new());
    for (rtmr, value) in (0..).zip(&td.rtmrs) {
        match log.divergence(td, rtmr) {
            None if log.has_events_of(rtmr) => leads_to.push(name(rtmr)),
            None => {}
            Some(_) if policy.lets_differ(rtmr) => may_differ.push(name(rtmr)),
            Some(_) if !log.has_events_of(rtmr) && !policy.speaks_of(rtmr) && !value.is_zero() => {
                untold.push(name(rtmr));
            }
            Some(divergence) => {
                report.fail(
                    log_step::REPLAY,
                    "a log that leads to the quoted registers",
                    divergence,
                );
                return;
            }
        }
    }
    let told = [
        ("leads to", leads_to),
        ("by the policy may differ", may_differ),
        ("says nothing of", untold),
    ];
    let told: Vec<_> = told
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what} {}", names.join(", ")))
        .collect();
    report.pass(log_step::REPLAY, told.join("; "));
}

/// RTMR3 says what runs: where a program is expected, it holds nothing that nobody explains.
pub(super) fn check_explained(
    log: Option<&Log<'_>>,
    td: &TdReport,
    policy: &Policy,
    expects_program: bool,
    report: &mut Report,
) {
    let [_, _, _, rtmr3] = &td.rtmrs;
    let by_log = log.is_some_and(|log| log.divergence(td, WORKLOAD_RTMR).is_none());
    if rtmr3.is_zero() || by_log {
        report.pass(log_step::UNEXPLAINED, "nothing");
    } else if !policy.rtmr3.is_empty() || policy.lets_differ(WORKLOAD_RTMR) {
        report.pass(log_step::UNEXPLAINED, "RTMR3, by the policy");
    } else if expects_program {
        report.fail(
            log_step::UNEXPLAINED,
            "nothing in RTMR3, or an event log that leads to it",
            rtmr3.to_string(),
        );
    } else {
        report.skip(
            log_step::UNEXPLAINED,
            format!("no program is expected; nobody says why RTMR3 is {rtmr3}"),
        );
    }
}

/// What booted is what the policy's rules allow.
pub(super) fn check_events(log: Option<Log<'_>>, td: &TdReport, policy: &Policy, report: &mut Report) {
    let Some(rules) = &policy.events else {
        report.skip(log_step::EVENTS, "the policy has no rules about events");
        return;
    };
    let expected = "what the policy's rules allow";
    let Some(log) = log else {
        report.fail(log_step::EVENTS, expected, "no event log");
        return;
    };
    let registers = (0..).zip(&td.rtmrs);
    let quoted = registers
        .filter(|(rtmr, _)| rules.registers().any(|named| named == *rtmr))
        .map(|(rtmr, value)| (rtmr, &value.0[..]));
    let checked = match log.replay.confirm(quoted) {
        Ok(confirmed) => rules.check(&confirmed).map_err(|failure| failure.to_string()),
        Err(divergence) => Err(divergence.to_string()),
    };
    match checked {
        Ok(()) => report.pass(log_step::EVENTS, expected),
        Err(why) => report.fail(log_step::EVENTS, expected, why),
    }
}

/// The program that RTMR3 proves is expected.
pub(super) fn check_program(program: Option<Digest32>, policy: &Policy, report: &mut Report) {
    crate::platform::dcap::one_of(step::PROGRAM, &policy.programs, program.as_ref(), report);
}
