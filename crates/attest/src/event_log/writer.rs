//! Writes logs of the same form, and appends to one: what is measured after the firmware's log was closed stands
//! behind it, so that one log accounts for every register.

use super::algorithm::Algorithm;
use super::event_type::EventType;
use super::tcg::{ALGORITHMS_MAX, EventLog, LogError, SHA1_SLOT_BYTES, SPEC_ID_SIGNATURE};

/// A log that is being written.
#[derive(Debug, Clone)]
pub struct LogWriter {
    bytes: Vec<u8>,
    algorithms: Vec<Algorithm>,
}

impl LogWriter {
    /// Begins an empty log.
    ///
    /// # Errors
    /// [`LogError::NoUsableAlgorithm`] where nothing could be written, [`LogError::Twice`] and [`LogError::Header`] for
    /// a list of algorithms that no log can have.
    pub fn new(algorithms: &[Algorithm]) -> Result<Self, LogError> {
        let mut table = Vec::with_capacity(4 * ALGORITHMS_MAX);
        for algorithm in algorithms.iter().take(ALGORITHMS_MAX + 1) {
            table.extend(algorithm.id().to_le_bytes());
            let size = u16::try_from(algorithm.size()).expect("a digest is short");
            table.extend(size.to_le_bytes());
        }
        let mut spec_id = SPEC_ID_SIGNATURE.to_vec();
        spec_id.extend([0; 4]); // platform class: client
        spec_id.extend([0, 2, 0, 2]); // version 2.0, no errata, 64-bit UINTN
        spec_id.extend(length(table.len() / 4));
        spec_id.extend(table);
        spec_id.push(0); // no vendor information

        let mut bytes = Vec::with_capacity(256);
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(EventType::NO_ACTION.0.to_le_bytes());
        bytes.extend([0; SHA1_SLOT_BYTES]);
        bytes.extend(length(spec_id.len()));
        bytes.extend(spec_id);
        Self::resume(&bytes)
    }

    /// Goes on behind the events of `log`; padding is dropped.
    ///
    /// # Errors
    /// [`LogError`] when `log` is none.
    pub fn resume(log: &[u8]) -> Result<Self, LogError> {
        let parsed = EventLog::parse(log)?;
        Ok(Self {
            bytes: log[..parsed.length()].to_vec(),
            algorithms: parsed.algorithms().to_vec(),
        })
    }

    /// Appends an event whose digests are of its data, one for each algorithm of the log that can be computed here.
    #[must_use]
    pub fn event(self, index: u32, event_type: EventType, data: &[u8]) -> Self {
        self.event_measuring(index, event_type, data, data)
    }

    /// Appends an event whose digests are of `measured`, which is not what it shows.
    #[must_use]
    pub fn event_measuring(self, index: u32, event_type: EventType, measured: &[u8], data: &[u8]) -> Self {
        let digests: Vec<_> = self
            .algorithms
            .iter()
            .filter_map(|algorithm| Some((*algorithm, algorithm.digest(measured)?)))
            .collect();
        let digests: Vec<_> = digests
            .iter()
            .map(|(a, digest)| (*a, digest.as_bytes()))
            .collect();
        self.event_with(index, event_type, &digests, data)
    }

    /// Appends an event with the digests given.
    ///
    /// # Panics
    /// If the data is 4 GiB or longer.
    #[must_use]
    pub fn event_with(
        mut self,
        index: u32,
        event_type: EventType,
        digests: &[(Algorithm, &[u8])],
        data: &[u8],
    ) -> Self {
        self.bytes.extend(index.to_le_bytes());
        self.bytes.extend(event_type.0.to_le_bytes());
        self.bytes.extend(length(digests.len()));
        for (algorithm, digest) in digests {
            self.bytes.extend(algorithm.id().to_le_bytes());
            self.bytes.extend_from_slice(digest);
        }
        self.bytes.extend(length(data.len()));
        self.bytes.extend_from_slice(data);
        self
    }

    /// The log.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length)
        .expect("an event is far shorter than 4 GiB")
        .to_le_bytes()
}
