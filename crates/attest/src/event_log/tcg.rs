//! Crypto-agile event logs (TCG PC Client Platform Firmware Profile 1.06 §10): what firmware and boot loader wrote of
//! what they measured. The same form serves TPMs (`/sys/kernel/security/tpm0/binary_bios_measurements`) and TDX (the
//! ACPI table CCEL and its data), where an event's index counts MRTD, RTMR0, RTMR1 and so on.
//!
//! The first record has the older form with a SHA-1 slot and says which algorithms the others use. Logs without it
//! hold SHA-1 alone and are refused. A log may lie in a larger area: it ends where only 0xFF or only zeros follow.

use super::algorithm::Algorithm;
use super::event_type::EventType;
use crate::reader::{LittleEndian, Reader};

/// Bytes of a log, the area around it included.
pub const LOG_BYTES_MAX: usize = 4 << 20;
/// Events of a log.
pub const EVENTS_MAX: usize = 1 << 14;
/// Algorithms of a log; an event has at most one digest of each.
pub const ALGORITHMS_MAX: usize = 8;

pub(super) const SPEC_ID_SIGNATURE: &[u8; 16] = b"Spec ID Event03\0";
pub(super) const SHA1_SLOT_BYTES: usize = 20;

/// A log, parsed and believed in nothing.
#[derive(Debug, Clone)]
pub struct EventLog<'a> {
    algorithms: Vec<Algorithm>,
    events: Vec<Event<'a>>,
    length: usize,
}

/// One event. Holds slices of the log.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    number: usize,
    index: u32,
    event_type: EventType,
    digests: &'a [u8],
    data: &'a [u8],
}

/// Bytes are no event log that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Longer than any log.
    #[error("the event log has {length} bytes, more than {LOG_BYTES_MAX}")]
    TooLarge {
        /// Bytes found.
        length: usize,
    },
    /// Another first record than the one that names the algorithms.
    #[error("the event log does not begin with a record \"Spec ID Event03\": {0}")]
    Header(&'static str),
    /// An algorithm of an unknown number.
    #[error("{place} uses hash algorithm 0x{algorithm:04x}, which is not known")]
    UnknownAlgorithm {
        /// Where.
        place: Place,
        /// Its number.
        algorithm: u16,
    },
    /// An algorithm that the first record does not name.
    #[error("event {number} has a {algorithm} digest, which the log's first record does not announce")]
    UnannouncedAlgorithm {
        /// The event.
        number: usize,
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// A size that is not the algorithm's.
    #[error("the event log's first record gives {algorithm} digests {size} bytes")]
    AlgorithmSize {
        /// The algorithm.
        algorithm: Algorithm,
        /// The size given.
        size: u16,
    },
    /// The same algorithm twice.
    #[error("{place} names {algorithm} twice")]
    Twice {
        /// Where.
        place: Place,
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// None of SHA-256, SHA-384 and SHA-512.
    #[error("the event log uses none of SHA-256, SHA-384 and SHA-512")]
    NoUsableAlgorithm,
    /// No digest, or more than algorithms.
    #[error("event {number} claims {count} digests")]
    DigestCount {
        /// The event.
        number: usize,
        /// What it claims.
        count: u32,
    },
    /// The bytes end too early.
    #[error("the event log ends within event {number}")]
    Truncated {
        /// The event.
        number: usize,
    },
    /// More events than any log has.
    #[error("the event log has more than {EVENTS_MAX} events")]
    TooManyEvents,
    /// Something other than padding follows.
    #[error("the event log goes on behind its end after event {number}")]
    BehindEnd {
        /// The last event.
        number: usize,
    },
}

/// Where in a log something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The first record, which names the algorithms.
    Header,
    /// The event of this number.
    Event(usize),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header => f.write_str("the event log's first record"),
            Self::Event(number) => write!(f, "event {number}"),
        }
    }
}

impl<'a> EventLog<'a> {
    /// Reads a log. Allocates at most one small record for each event of the input.
    ///
    /// # Errors
    /// [`LogError`] at the first thing that is not of the form.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, LogError> {
        if bytes.len() > LOG_BYTES_MAX {
            return Err(LogError::TooLarge { length: bytes.len() });
        }
        let mut reader = Reader::<LittleEndian>::new(bytes);
        let algorithms = header(&mut reader)?;
        let mut events = Vec::new();
        while !is_end(reader.rest(), events.len())? {
            let number = events.len() + 1;
            if number > EVENTS_MAX {
                return Err(LogError::TooManyEvents);
            }
            events.push(event(&mut reader, number, &algorithms)?);
        }
        Ok(Self {
            algorithms,
            events,
            length: bytes.len() - reader.rest().len(),
        })
    }

    /// The algorithms that the first record names.
    #[must_use]
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// The events in their order, without the first record.
    #[must_use]
    pub fn events(&self) -> &[Event<'a>] {
        &self.events
    }

    /// Bytes of the log without the padding behind it.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }
}

impl<'a> Event<'a> {
    /// Its place in the log, counted from 1; the first record, which is no event, would be 0.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.number
    }

    /// The index as the log has it: a PCR, or for TDX 0 for MRTD, 1 for RTMR0 and so on.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// What it says it is; no digest covers that.
    #[must_use]
    pub const fn event_type(&self) -> EventType {
        self.event_type
    }

    /// Its data; whether a digest covers it, [`super::content`] tells.
    #[must_use]
    pub const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Whether it extends a register.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        self.event_type != EventType::NO_ACTION
    }

    /// The digests, one for each algorithm at most.
    pub fn digests(&self) -> impl Iterator<Item = (Algorithm, &'a [u8])> + use<'a> {
        let mut reader = Reader::<LittleEndian>::new(self.digests);
        std::iter::from_fn(move || digest(&mut reader))
    }

    /// The digest that extends registers of `algorithm`.
    #[must_use]
    pub fn digest(&self, algorithm: Algorithm) -> Option<&'a [u8]> {
        self.digests()
            .find(|(found, _)| *found == algorithm)
            .map(|(_, digest)| digest)
    }
}

fn header(reader: &mut Reader<'_, LittleEndian>) -> Result<Vec<Algorithm>, LogError> {
    let short = LogError::Header("too short");
    let mut record = || {
        let _index = reader.u32()?;
        let event_type = reader.u32()?;
        let _slot: [u8; SHA1_SLOT_BYTES] = reader.array()?;
        Some((EventType(event_type), reader.sized()?))
    };
    let (event_type, data) = record().ok_or(short.clone())?;
    if event_type != EventType::NO_ACTION {
        return Err(LogError::Header("its type is not EV_NO_ACTION"));
    }
    let mut fields = Reader::<LittleEndian>::new(data);
    if fields.take(SPEC_ID_SIGNATURE.len()) != Some(SPEC_ID_SIGNATURE) {
        return Err(LogError::Header("its signature is another"));
    }
    let _platform_class = fields.u32().ok_or(short.clone())?;
    let [minor, major, _errata, _uintn_size] = fields.array().ok_or(short.clone())?;
    if (major, minor) != (2, 0) {
        return Err(LogError::Header("its version is not 2.0"));
    }
    let algorithms = announced(&mut fields)?;
    let vendor_length = fields.u8().ok_or(short)?;
    if fields.rest().len() != usize::from(vendor_length) {
        return Err(LogError::Header("its length is not that of its fields"));
    }
    Ok(algorithms)
}

fn announced(fields: &mut Reader<'_, LittleEndian>) -> Result<Vec<Algorithm>, LogError> {
    let count = fields.u32().ok_or(LogError::Header("too short"))?;
    if count == 0 || count > ALGORITHMS_MAX as u32 {
        return Err(LogError::Header("it names no algorithm, or more than there are"));
    }
    let mut algorithms = Vec::with_capacity(ALGORITHMS_MAX);
    for _ in 0..count {
        let pair = fields.u16().zip(fields.u16());
        let (id, size) = pair.ok_or(LogError::Header("too short"))?;
        let place = Place::Header;
        let algorithm = Algorithm::of(id).ok_or(LogError::UnknownAlgorithm { place, algorithm: id })?;
        if usize::from(size) != algorithm.size() {
            return Err(LogError::AlgorithmSize { algorithm, size });
        }
        if algorithms.contains(&algorithm) {
            return Err(LogError::Twice { place, algorithm });
        }
        algorithms.push(algorithm);
    }
    if algorithms.iter().any(|algorithm| algorithm.is_usable()) {
        Ok(algorithms)
    } else {
        Err(LogError::NoUsableAlgorithm)
    }
}

/// Whether nothing but padding is left. An index of all ones is no register, and neither is an event without digests,
/// so padding is never the beginning of an event.
fn is_end(rest: &[u8], number: usize) -> Result<bool, LogError> {
    let filled_with = |byte: u8| rest.iter().all(|other| *other == byte);
    if filled_with(0xff) || filled_with(0) {
        return Ok(true);
    }
    let begins_as_padding = rest.starts_with(&[0xff; 12]) || rest.starts_with(&[0; 12]);
    if begins_as_padding {
        return Err(LogError::BehindEnd { number });
    }
    Ok(false)
}

fn event<'a>(
    reader: &mut Reader<'a, LittleEndian>,
    number: usize,
    algorithms: &[Algorithm],
) -> Result<Event<'a>, LogError> {
    let truncated = LogError::Truncated { number };
    let mut fixed = || Some((reader.u32()?, reader.u32()?, reader.u32()?));
    let (index, event_type, count) = fixed().ok_or(truncated.clone())?;
    if count == 0 || count > ALGORITHMS_MAX as u32 {
        return Err(LogError::DigestCount { number, count });
    }
    let behind = reader.rest();
    check_digests(reader, number, count, algorithms)?;
    let digests = &behind[..behind.len() - reader.rest().len()];
    let data = reader.sized().ok_or(truncated)?;
    Ok(Event {
        number,
        index,
        event_type: EventType(event_type),
        digests,
        data,
    })
}

fn check_digests(
    reader: &mut Reader<'_, LittleEndian>,
    number: usize,
    count: u32,
    algorithms: &[Algorithm],
) -> Result<(), LogError> {
    let mut seen: Vec<Algorithm> = Vec::with_capacity(ALGORITHMS_MAX);
    for _ in 0..count {
        let mut ahead = *reader;
        let id = ahead.u16().ok_or(LogError::Truncated { number })?;
        let place = Place::Event(number);
        if Algorithm::of(id).is_none() {
            return Err(LogError::UnknownAlgorithm { place, algorithm: id });
        }
        let (algorithm, _) = digest(reader).ok_or(LogError::Truncated { number })?;
        if !algorithms.contains(&algorithm) {
            return Err(LogError::UnannouncedAlgorithm { number, algorithm });
        }
        if seen.contains(&algorithm) {
            return Err(LogError::Twice { place, algorithm });
        }
        seen.push(algorithm);
    }
    Ok(())
}

fn digest<'a>(reader: &mut Reader<'a, LittleEndian>) -> Option<(Algorithm, &'a [u8])> {
    let algorithm = Algorithm::of(reader.u16()?)?;
    Some((algorithm, reader.take(algorithm.size())?))
}
