//! The line between the firmware and what it starts, in PCR 0 to 7 of a TPM (TCG PC Client Platform Firmware Profile
//! 1.06 §3.3.2, §7.2): each of them that is used gets one separator, and afterwards only what belongs to what is
//! started goes into PCR 4, 5 and 7, and nothing into the others.
//!
//! A separator is recognised by its digest, never by its type, which the sender may have changed.

use super::algorithm::Algorithm;
use super::content::{SEPARATOR_OF_ERROR, SEPARATORS};
use super::event_type::EventType;
use super::replay::{Bank, Layout};
use super::tcg::{Event, EventLog};

/// The PCRs that separators close.
pub const PCRS: std::ops::RangeInclusive<u32> = 0..=7;

/// What systemd measures into these PCRs when it starts, a further line that gives nothing away
/// (systemd-pcrosseparator.service).
const OS_SEPARATOR: &[u8] = b"os-separator";

/// A log's separators are not as they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SeparatorError {
    /// The firmware says that it could not measure.
    #[error("event {number}: the firmware noted in PCR {pcr} that measuring failed")]
    Failed {
        /// The event.
        number: usize,
        /// The register.
        pcr: u32,
    },
    /// A separator whose digest is none of a separator.
    #[error("event {number} says it is a separator of PCR {pcr}, but its digest is of something else")]
    NotOne {
        /// The event.
        number: usize,
        /// The register.
        pcr: u32,
    },
    /// Something else with the digest of a separator.
    #[error("event {number} has the digest of a separator of PCR {pcr}, but says it is {event_type}")]
    Disguised {
        /// The event.
        number: usize,
        /// The register.
        pcr: u32,
        /// What it says it is.
        event_type: EventType,
    },
    /// A second one.
    #[error("event {number} is a second separator of PCR {pcr}")]
    Twice {
        /// The event.
        number: usize,
        /// The register.
        pcr: u32,
    },
    /// Something that belongs before it.
    #[error("event {number} ({event_type}) extends PCR {pcr} after its separator")]
    After {
        /// The event.
        number: usize,
        /// The register.
        pcr: u32,
        /// What it says it is.
        event_type: EventType,
    },
    /// Events and no separator.
    #[error("PCR {pcr} has events and no separator: the firmware's part of its log is not complete")]
    Missing {
        /// The register.
        pcr: u32,
    },
}

/// Checks the separators of a TPM's log. TDX folds several PCRs into one register and has no such line: nothing is
/// checked there.
///
/// # Errors
/// [`SeparatorError`] at the first that is wrong; [`SeparatorError::Missing`] only where nothing else is.
pub fn check(log: &EventLog<'_>, bank: Bank) -> Result<(), SeparatorError> {
    if bank.layout != Layout::Tpm {
        return Ok(());
    }
    let mut missing = None;
    for pcr in PCRS {
        let events = log.events().iter();
        let events = events.filter(|event| event.index() == pcr && event.is_measured());
        match check_pcr(pcr, events, bank.algorithm) {
            Err(error @ SeparatorError::Missing { .. }) => missing = missing.or(Some(error)),
            other => other?,
        }
    }
    missing.map_or(Ok(()), Err)
}

fn check_pcr<'e, 'a: 'e>(
    pcr: u32,
    events: impl Iterator<Item = &'e Event<'a>>,
    algorithm: Algorithm,
) -> Result<(), SeparatorError> {
    let (mut any, mut separated) = (false, false);
    for event in events {
        any = true;
        let (number, event_type) = (event.number(), event.event_type());
        let is = |value: &[u8]| {
            let digest = algorithm.digest(value);
            digest.is_some_and(|digest| event.digest(algorithm) == Some(digest.as_bytes()))
        };
        let separates = SEPARATORS.iter().any(|value| is(value));
        let says_so = event_type == EventType::SEPARATOR;
        if is(&SEPARATOR_OF_ERROR) {
            return Err(SeparatorError::Failed { number, pcr });
        } else if separates && !says_so {
            return Err(SeparatorError::Disguised {
                number,
                pcr,
                event_type,
            });
        } else if says_so && !separates && !is(OS_SEPARATOR) {
            return Err(SeparatorError::NotOne { number, pcr });
        } else if separates && separated {
            return Err(SeparatorError::Twice { number, pcr });
        } else if separated && !may_follow(pcr, event_type) && !is(OS_SEPARATOR) {
            return Err(SeparatorError::After {
                number,
                pcr,
                event_type,
            });
        }
        separated |= separates;
    }
    if any && !separated {
        return Err(SeparatorError::Missing { pcr });
    }
    Ok(())
}

/// What goes into the register once the firmware is done: programs and their starting, the partition table and leaving
/// boot services, the keys by which images were let through.
fn may_follow(pcr: u32, event_type: EventType) -> bool {
    match pcr {
        4 => matches!(
            event_type,
            EventType::EFI_BOOT_SERVICES_APPLICATION
                | EventType::EFI_BOOT_SERVICES_DRIVER
                | EventType::EFI_RUNTIME_SERVICES_DRIVER
                | EventType::EFI_ACTION
                | EventType::ACTION
                | EventType::COMPACT_HASH
                | EventType::IPL
                | EventType::EVENT_TAG
        ),
        5 => matches!(
            event_type,
            EventType::EFI_GPT_EVENT
                | EventType::EFI_GPT_EVENT2
                | EventType::EFI_ACTION
                | EventType::ACTION
                | EventType::IPL
                | EventType::IPL_PARTITION_DATA
                | EventType::EVENT_TAG
        ),
        7 => matches!(
            event_type,
            EventType::EFI_VARIABLE_AUTHORITY
                | EventType::EFI_SPDM_DEVICE_POLICY
                | EventType::EFI_SPDM_DEVICE_AUTHORITY
                | EventType::EFI_ACTION
                | EventType::ACTION
                | EventType::IPL
                | EventType::EVENT_TAG
        ),
        _ => false,
    }
}
