//! What Strongroom itself measures: the program that runs in front of a workload, then the workload's description.
//!
//! On TPMs they go to [`WORKLOAD_PCR`], in TDX to RTMR3. The register must hold nothing else: where something else was
//! extended first, the platform was not as it should be when we began, and where something comes later, a workload
//! tries to pass for another. Both are refused with the name of the event.

use strongroom_crypto::digest::Digest32;
use strongroom_crypto::encode::{Decoder, Encoder};
use strongroom_crypto::label;

use super::content::Content;
use super::event_type::EventType;
use super::tcg::{Event, EventLog};

/// The PCR of a TPM that holds our events. No command resets it before the machine restarts (PC Client Platform TPM
/// Profile §4.6.2: only 16 to 23 can be reset); firmware, shim, GRUB and the kernel leave it alone; systemd measures
/// only images of system extensions into it, which a machine that runs workloads has none of.
pub const WORKLOAD_PCR: u32 = 13;

/// The index of RTMR3, which holds our events in TDX, in a log. Firmware and kernel leave that register to what runs.
pub const WORKLOAD_CCEL_INDEX: u32 = 4;

/// The type of our events: `SR`, 1. The TCG assigns types from 0 upwards (up to 0x13 so far), and from 0x80000000 those
/// of UEFI; nothing between has an owner. EV_EVENT_TAG, meant for operating systems, would not do: everybody's tags
/// share it.
pub const EVENT_TYPE: EventType = EventType(0x5352_0001);

/// Something that Strongroom measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// Digest of the program that comes first.
    Program(Digest32),
    /// Digest of the workload's description.
    Workload(Digest32),
}

const PROGRAM: &str = "program";
const WORKLOAD: &str = "workload";

impl Measured {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Program(_) => PROGRAM,
            Self::Workload(_) => WORKLOAD,
        }
    }

    const fn digest(&self) -> &Digest32 {
        match self {
            Self::Program(digest) | Self::Workload(digest) => digest,
        }
    }
}

/// The event's data, `enc(label, kind, digest)`. Its digest in each bank is the hash of exactly these bytes.
#[must_use]
pub fn event_data(measured: &Measured) -> Vec<u8> {
    Encoder::new(label::MEASURE)
        .bytes(measured.kind().as_bytes())
        .bytes(measured.digest().as_bytes())
        .finish()
}

/// What our events of one register say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuntimeEvents {
    /// Digest of the program.
    pub program: Option<Digest32>,
    /// Digest of the workload's description.
    pub workload: Option<Digest32>,
}

/// A register does not hold our events, all of them and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// Somebody else's event.
    #[error(
        "event {number} ({event_type} {content}) is none of Strongroom's, in a register that holds nothing else"
    )]
    Foreign {
        /// The event.
        number: usize,
        /// Its type.
        event_type: EventType,
        /// What it says.
        content: String,
    },
    /// An event of our type that we do not write.
    #[error("event {number} has the type of Strongroom's events, and not their form")]
    Malformed {
        /// The event.
        number: usize,
    },
    /// Its digest is of something else.
    #[error("event {number} says {content}, but its digest is of something else")]
    OtherDigest {
        /// The event.
        number: usize,
        /// What it says.
        content: String,
    },
    /// Twice, or before the one that comes first.
    #[error("event {number} measures a {found} where {expected} is due")]
    OutOfOrder {
        /// The event.
        number: usize,
        /// What it measures.
        found: &'static str,
        /// What may come there.
        expected: &'static str,
    },
}

/// Reads our events of one register, given by its index in the log. Says something about the machine only where the
/// log was replayed and the register confirmed.
///
/// # Errors
/// [`RuntimeError`] at the first event that does not belong there.
pub fn read(log: &EventLog<'_>, index: u32) -> Result<RuntimeEvents, RuntimeError> {
    let mut found = RuntimeEvents::default();
    let events = log.events().iter();
    for event in events.filter(|event| event.index() == index && event.is_measured()) {
        let number = event.number();
        let measured = ours(event)?;
        let expected = match (found.program, found.workload) {
            (None, _) => PROGRAM,
            (Some(_), None) => WORKLOAD,
            (Some(_), Some(_)) => "nothing more",
        };
        if measured.kind() != expected {
            return Err(RuntimeError::OutOfOrder {
                number,
                found: measured.kind(),
                expected,
            });
        }
        match measured {
            Measured::Program(digest) => found.program = Some(digest),
            Measured::Workload(digest) => found.workload = Some(digest),
        }
    }
    Ok(found)
}

fn ours(event: &Event<'_>) -> Result<Measured, RuntimeError> {
    let number = event.number();
    if event.event_type() != EVENT_TYPE {
        return Err(RuntimeError::Foreign {
            number,
            event_type: event.event_type(),
            content: content(event),
        });
    }
    let measured = decode(event.data()).ok_or(RuntimeError::Malformed { number })?;
    let of_its_data = event.digests().all(|(algorithm, digest)| {
        algorithm
            .digest(event.data())
            .is_none_or(|computed| computed.as_bytes() == digest)
    });
    if of_its_data {
        Ok(measured)
    } else {
        Err(RuntimeError::OtherDigest {
            number,
            content: content(event),
        })
    }
}

fn content(event: &Event<'_>) -> String {
    let algorithm = event.digests().map(|(algorithm, _)| algorithm);
    algorithm
        .filter(|algorithm| algorithm.is_usable())
        .map(|algorithm| Content::of(event, algorithm).to_string())
        .next()
        .unwrap_or_default()
}

fn decode(data: &[u8]) -> Option<Measured> {
    let mut decoder = Decoder::new(data);
    let label = decoder.bytes().ok()?;
    let kind = decoder.bytes().ok()?;
    let digest = Digest32(decoder.array().ok()?);
    decoder.finish().ok()?;
    if label != label::MEASURE.as_bytes() {
        return None;
    }
    [Measured::Program(digest), Measured::Workload(digest)]
        .into_iter()
        .find(|measured| measured.kind().as_bytes() == kind)
}

/// How an event of ours reads.
pub(super) fn text(data: &[u8]) -> Option<String> {
    let measured = decode(data)?;
    Some(format!("{} {}", measured.kind(), measured.digest()))
}
