//! Event logs held against quoted registers. What program and workload are said to be is verified before any policy
//! ([`check_runtime`]); how the machine booted is held against the policy ([`super::appraise`]).

use strongroom_crypto::digest::Digest32;

use super::pcrs::Pcrs;
use super::step;
use crate::event_log::runtime::{self, RuntimeEvents};
use crate::event_log::{Bank, Event, EventLog, Replay};
use crate::report::Report;

/// The register that holds program and workload.
pub(super) const WORKLOAD_PCR: u8 = {
    assert!(runtime::WORKLOAD_PCR < 24, "a TPM has 24 registers");
    runtime::WORKLOAD_PCR as u8
};

/// A log that was read and replayed into the SHA-256 bank.
#[derive(Debug)]
pub(super) struct Log<'a> {
    pub(super) events: EventLog<'a>,
    pub(super) replay: Replay<'a>,
}

impl<'a> Log<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let events = EventLog::parse(bytes).map_err(|error| error.to_string())?;
        let replay = Replay::of(&events, Bank::TPM_SHA256).map_err(|error| error.to_string())?;
        Ok(Self { events, replay })
    }

    /// Whether it has events of our own. A log without any may be of a machine that knows nothing of us.
    pub(super) fn has_runtime_events(&self) -> bool {
        self.events.events().iter().any(is_runtime_event)
    }

    /// How many events extend the register.
    pub(super) fn events_of(&self, pcr: u8) -> usize {
        self.replay.steps(pcr.into()).count()
    }

    /// Why the register does not stand where the log leads; nothing where it does.
    pub(super) fn divergence(&self, pcr: u8, quoted: &Digest32) -> Option<String> {
        let quoted = (u32::from(pcr), quoted.as_bytes().as_slice());
        let divergence = self.replay.first_divergence([quoted]);
        divergence.map(|divergence| format!("PCR {pcr}: {divergence}"))
    }
}

fn is_runtime_event(event: &Event<'_>) -> bool {
    event.index() == runtime::WORKLOAD_PCR && event.event_type() == runtime::EVENT_TYPE
}

/// The program that a log names, whatever it is worth.
pub(super) fn stated_program(bytes: &[u8]) -> Option<Digest32> {
    let events = EventLog::parse(bytes).ok()?;
    runtime::read(&events, runtime::WORKLOAD_PCR).ok()?.program
}

pub(super) fn parse<'a>(bytes: Option<&'a [u8]>, report: &mut Report) -> Option<Log<'a>> {
    let Some(bytes) = bytes else {
        report.skip(step::LOG_FORMAT, "no event log given");
        return None;
    };
    match Log::read(bytes) {
        Ok(log) => {
            report.pass(step::LOG_FORMAT, format!("{} events", log.events.events().len()));
            Some(log)
        }
        Err(why) => {
            report.fail(step::LOG_FORMAT, "a TCG event log with SHA-256 digests", why);
            None
        }
    }
}

/// Program and workload as their register proves them: it is quoted, the log leads to its value, and it holds our events
/// and nothing else. What comes back holds only if the report says so.
pub(super) fn check_runtime(log: Option<&Log<'_>>, quoted: &Pcrs, report: &mut Report) -> RuntimeEvents {
    let Some(log) = log.filter(|log| log.has_runtime_events()) else {
        report.skip(
            step::RUNTIME,
            "no event of Strongroom's: the measurement is that of the quoted registers",
        );
        return RuntimeEvents::default();
    };
    let expected = format!("program and workload, and nothing else, in PCR {WORKLOAD_PCR}");
    let events = match runtime::read(&log.events, runtime::WORKLOAD_PCR) {
        Ok(events) => events,
        Err(error) => {
            report.fail(step::RUNTIME, expected, error.to_string());
            return RuntimeEvents::default();
        }
    };
    match quoted.get(WORKLOAD_PCR) {
        None => report.skip(step::RUNTIME, format!("PCR {WORKLOAD_PCR} is not quoted")),
        Some(value) => match log.divergence(WORKLOAD_PCR, &value) {
            None => report.pass(step::RUNTIME, describe(&events)),
            Some(divergence) => report.fail(step::RUNTIME, expected, divergence),
        },
    }
    events
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
