//! Replays a log: computes from its digests where each register stands after each event, and holds that against what
//! the hardware quoted.

use std::fmt;

use super::algorithm::{Algorithm, RegisterValue};
use super::content::Content;
use super::event_type::EventType;
use super::tcg::{Event, EventLog};

/// Which registers a log tells of, and by which algorithm they are extended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bank {
    /// The registers.
    pub layout: Layout,
    /// The algorithm.
    pub algorithm: Algorithm,
}

impl Bank {
    /// The SHA-256 bank of a TPM.
    pub const TPM_SHA256: Self = Self {
        layout: Layout::Tpm,
        algorithm: Algorithm::Sha256,
    };
    /// The SHA-384 bank of a TPM.
    pub const TPM_SHA384: Self = Self {
        layout: Layout::Tpm,
        algorithm: Algorithm::Sha384,
    };
    /// The RTMRs of TDX.
    pub const TDX: Self = Self {
        layout: Layout::Tdx,
        algorithm: Algorithm::Sha384,
    };
}

/// The registers of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// PCR 0 to 23 of a TPM.
    Tpm,
    /// RTMR 0 to 3 of TDX.
    Tdx,
}

impl Layout {
    /// How many registers there are.
    #[must_use]
    pub const fn registers(self) -> u32 {
        match self {
            Self::Tpm => 24,
            Self::Tdx => 4,
        }
    }

    /// The register that an event's index means. In a log of TDX 0 is MRTD, which no event extends.
    #[must_use]
    pub const fn register(self, index: u32) -> Option<u32> {
        let register = match self {
            Self::Tpm => index,
            Self::Tdx => match index.checked_sub(1) {
                Some(register) => register,
                None => return None,
            },
        };
        if register < self.registers() {
            Some(register)
        } else {
            None
        }
    }

    /// The register's name.
    #[must_use]
    pub fn name(self, register: u32) -> String {
        match self {
            Self::Tpm => format!("PCR {register}"),
            Self::Tdx => format!("RTMR{register}"),
        }
    }

    /// What the register's bytes are before anything extends it. PCRs 17 to 22 stand at all ones until a dynamic
    /// launch, the first thing that is measured into them, resets them (PC Client Platform TPM Profile §4.6.2).
    const fn initial_byte(self, register: u32, extended: bool) -> u8 {
        match self {
            Self::Tpm if register >= 17 && register <= 22 && !extended => 0xff,
            _ => 0,
        }
    }
}

/// A log cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// An algorithm that is only read past.
    #[error("registers of {0} are not replayed")]
    Algorithm(Algorithm),
    /// An event says nothing of this bank.
    #[error("event {number} has no {algorithm} digest")]
    NoDigest {
        /// The event.
        number: usize,
        /// The bank's algorithm.
        algorithm: Algorithm,
    },
    /// No such register.
    #[error("event {number} extends register {index}, which there is not")]
    NoRegister {
        /// The event.
        number: usize,
        /// Its index.
        index: u32,
    },
    /// The locality that started the TPM, told too late, twice, or an impossible one.
    #[error("event {number} gives an impossible StartupLocality")]
    StartupLocality {
        /// The event.
        number: usize,
    },
}

/// A log with the value of every register after every event.
#[derive(Debug, Clone)]
pub struct Replay<'a> {
    bank: Bank,
    tracks: Vec<Track<'a>>,
}

#[derive(Debug, Clone)]
struct Track<'a> {
    initial: RegisterValue,
    steps: Vec<Step<'a>>,
}

#[derive(Debug, Clone)]
struct Step<'a> {
    event: Event<'a>,
    value: RegisterValue,
}

impl<'a> Replay<'a> {
    /// Replays `log` into a bank.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn of(log: &EventLog<'a>, bank: Bank) -> Result<Self, ReplayError> {
        if !bank.algorithm.is_usable() {
            return Err(ReplayError::Algorithm(bank.algorithm));
        }
        let mut tracks = initial(log, bank)?;
        for event in log.events().iter().filter(|event| event.is_measured()) {
            let number = event.number();
            let track = bank
                .layout
                .register(event.index())
                .and_then(|register| tracks.get_mut(usize::try_from(register).ok()?));
            let index = event.index();
            let track = track.ok_or(ReplayError::NoRegister { number, index })?;
            let value = event
                .digest(bank.algorithm)
                .and_then(|digest| track.value().extended(bank.algorithm, digest));
            let algorithm = bank.algorithm;
            let value = value.ok_or(ReplayError::NoDigest { number, algorithm })?;
            track.steps.push(Step { event: *event, value });
        }
        Ok(Self { bank, tracks })
    }

    /// The bank.
    #[must_use]
    pub const fn bank(&self) -> Bank {
        self.bank
    }

    /// Where the register stands after all events.
    #[must_use]
    pub fn value(&self, register: u32) -> Option<RegisterValue> {
        self.track(register).map(Track::value)
    }

    /// The events that extend the register, each with where it then stands.
    pub fn steps(&self, register: u32) -> impl Iterator<Item = (&Event<'a>, &RegisterValue)> {
        self.track(register)
            .into_iter()
            .flat_map(|track| &track.steps)
            .map(|step| (&step.event, &step.value))
    }

    /// The first register, in the order given, that does not stand where it is quoted.
    pub fn first_divergence<'q>(
        &self,
        quoted: impl IntoIterator<Item = (u32, &'q [u8])>,
    ) -> Option<Divergence> {
        quoted
            .into_iter()
            .find_map(|(register, value)| self.divergence(register, value))
    }

    /// Holds the log against quoted registers. What comes back speaks of these registers and of no other.
    ///
    /// # Errors
    /// [`Divergence`] of the first register, in the order given, that stands elsewhere.
    pub fn confirm<'q>(
        self,
        quoted: impl IntoIterator<Item = (u32, &'q [u8])>,
    ) -> Result<Confirmed<'a>, Divergence> {
        let mut registers = Vec::new();
        for (register, value) in quoted {
            if let Some(divergence) = self.divergence(register, value) {
                return Err(divergence);
            }
            registers.push(register);
        }
        Ok(Confirmed {
            replay: self,
            registers,
        })
    }

    fn divergence(&self, register: u32, quoted: &[u8]) -> Option<Divergence> {
        let Some(track) = self.track(register) else {
            return Some(Divergence::no_register(self.bank, register));
        };
        (track.value().as_bytes() != quoted).then(|| Divergence::of(self.bank, register, track, quoted))
    }

    fn track(&self, register: u32) -> Option<&Track<'a>> {
        self.tracks.get(usize::try_from(register).ok()?)
    }
}

impl Track<'_> {
    fn value(&self) -> RegisterValue {
        self.steps.last().map_or(self.initial, |step| step.value)
    }
}

/// A replayed log that ends at the quoted values. [`Replay::confirm`] is the only way to get one.
#[derive(Debug, Clone)]
pub struct Confirmed<'a> {
    replay: Replay<'a>,
    registers: Vec<u32>,
}

impl<'a> Confirmed<'a> {
    /// The bank.
    #[must_use]
    pub const fn bank(&self) -> Bank {
        self.replay.bank
    }

    /// The events that extend the register; none at all where the register was not among those quoted.
    #[must_use]
    pub fn events(&self, register: u32) -> Option<impl Iterator<Item = &Event<'a>>> {
        self.registers
            .contains(&register)
            .then(|| self.replay.steps(register).map(|(event, _)| event))
    }
}

/// Where, and as far as the log can tell why, a register does not stand where it is quoted. Prints as sentences.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{explanation}")]
pub struct Divergence {
    /// The register.
    pub register: u32,
    /// Number of the first event that never happened, if the quote matches before it.
    pub first_unhappened: Option<usize>,
    explanation: String,
}

impl Divergence {
    fn no_register(bank: Bank, register: u32) -> Self {
        Self {
            register,
            first_unhappened: None,
            explanation: format!("there is no {}", bank.layout.name(register)),
        }
    }

    fn of(bank: Bank, register: u32, track: &Track<'_>, quoted: &[u8]) -> Self {
        let name = bank.layout.name(register);
        let value = track.value();
        let before = std::iter::once(track.initial).chain(track.steps.iter().map(|step| step.value));
        let unhappened = before
            .zip(&track.steps)
            .position(|(value, _)| value.as_bytes() == quoted);
        let mut explanation = match track.steps.len() {
            0 => format!("the log has no event for {name}, so it stands at {value}"),
            1 => format!("the log has 1 event for {name}; after it, it stands at {value}"),
            count => format!("the log has {count} events for {name}; after all of them it stands at {value}"),
        };
        explanation += &format!(", the quote says {}; ", hex::encode(quoted));
        explanation += &match unhappened {
            Some(place) => stopped(bank, track, place),
            None => "nothing in the log leads there: something was extended that is not in the log, or the log was \
                     changed"
                .to_owned(),
        };
        Self {
            register,
            first_unhappened: unhappened.map(|place| track.steps[place].event.number()),
            explanation,
        }
    }
}

/// The quote matches before `track.steps[place]`.
fn stopped(bank: Bank, track: &Track<'_>, place: usize) -> String {
    let event = &track.steps[place].event;
    let matches = match place.checked_sub(1) {
        Some(last) => format!("it matches after event {}", track.steps[last].event.number()),
        None => "it matches before all of them".to_owned(),
    };
    let others = match track.steps.len() - place - 1 {
        0 => String::new(),
        1 => " and the one after it".to_owned(),
        count => format!(" and the {count} after it"),
    };
    let content = Content::of(event, bank.algorithm);
    format!(
        "{matches}, so event {} ({} {content}){others} never happened",
        event.number(),
        event.event_type()
    )
}

const STARTUP_LOCALITY: &[u8; 16] = b"StartupLocality\0";

fn initial<'a>(log: &EventLog<'a>, bank: Bank) -> Result<Vec<Track<'a>>, ReplayError> {
    let extended = |register: u32| {
        log.events()
            .iter()
            .any(|event| event.is_measured() && bank.layout.register(event.index()) == Some(register))
    };
    let mut tracks: Vec<_> = (0..bank.layout.registers())
        .map(|register| {
            let byte = bank.layout.initial_byte(register, extended(register));
            Track {
                initial: RegisterValue::filled(bank.algorithm, byte),
                steps: Vec::new(),
            }
        })
        .collect();
    if let (Layout::Tpm, Some(first)) = (bank.layout, tracks.first_mut())
        && let Some(locality) = startup_locality(log)?
    {
        first.initial = first.initial.ending_in(locality);
    }
    Ok(tracks)
}

/// The locality that started the TPM, from which PCR 0 begins (PC Client Platform Firmware Profile §10.4.5.3): 0 or 3,
/// or 4 where something was measured before the firmware's first code.
fn startup_locality(log: &EventLog<'_>) -> Result<Option<u8>, ReplayError> {
    let mut locality = None;
    let mut extended = false;
    for event in log.events().iter().filter(|event| event.index() == 0) {
        extended |= event.is_measured();
        if event.event_type() != EventType::NO_ACTION {
            continue;
        }
        let Some(rest) = event.data().strip_prefix(STARTUP_LOCALITY) else {
            continue;
        };
        let number = event.number();
        match rest {
            [found @ (0 | 3 | 4)] if !extended && locality.is_none() => locality = Some(*found),
            _ => return Err(ReplayError::StartupLocality { number }),
        }
    }
    Ok(locality)
}

impl fmt::Display for Bank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layout {
            Layout::Tpm => write!(f, "the {} bank", self.algorithm),
            Layout::Tdx => f.write_str("the RTMRs"),
        }
    }
}
