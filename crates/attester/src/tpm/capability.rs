//! What a TPM has: handles that are in use, PCR banks, properties (`TPM2_GetCapability`, Part 3 §30.2).

use super::command::{Command, Name};
use super::error::TpmError;
use super::wire::{Malformed, Reader, Writer};
use super::{Handle, Tpm, algorithm};

/// Most values asked for at once, and most questions of one kind: no TPM has as many handles.
const VALUES_MAX: u32 = 64;
const QUESTIONS_MAX: usize = 16;

impl Tpm {
    /// Handles in use from `first` on, of the kind that its most significant byte says.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn handles(&mut self, first: Handle) -> Result<Vec<Handle>, TpmError> {
        let mut found: Vec<Handle> = Vec::new();
        for _ in 0..QUESTIONS_MAX {
            let next = found.last().map_or(first.0, |last| last.0.saturating_add(1));
            let (more, handles) = self.capability(HANDLES, next, |reader| {
                let count = reader.u32()?;
                (0..count)
                    .map(|_| reader.u32().map(Handle))
                    .collect::<Result<Vec<_>, _>>()
            })?;
            let advanced = !handles.is_empty();
            found.extend(handles);
            if !(more && advanced) {
                break;
            }
        }
        Ok(found)
    }

    /// Which PCRs the SHA-256 bank has: bit `i` of byte `i / 8`; empty where there is no such bank.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn sha256_bank(&mut self) -> Result<Vec<u8>, TpmError> {
        let (_, bank) = self.capability(BANKS, 0, |reader| {
            let mut bank = Vec::new();
            for _ in 0..reader.u32()? {
                let hash = reader.u16()?;
                let size = reader.u8()?;
                let selected = reader.take(usize::from(size))?;
                if hash == algorithm::SHA256 {
                    bank = selected.to_vec();
                }
            }
            Ok(bank)
        })?;
        Ok(bank)
    }

    /// The manufacturer's four letters (`TPM_PT_MANUFACTURER`), as text.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn manufacturer(&mut self) -> Result<String, TpmError> {
        let (_, letters) = self.capability(PROPERTIES, MANUFACTURER, |reader| {
            let (count, property, value) = (reader.u32()?, reader.u32()?, reader.u32()?);
            if (count, property) != (1, MANUFACTURER) {
                return Err(Malformed("it tells another property"));
            }
            Ok(value.to_be_bytes())
        })?;
        let printable = |byte: &u8| char::from(*byte);
        Ok(letters
            .iter()
            .map(printable)
            .filter(char::is_ascii_graphic)
            .collect())
    }

    /// Flushes every object and session that is loaded. Only for a TPM that nobody shares.
    pub(super) fn flush_leftovers(&mut self) -> Result<(), TpmError> {
        for first in [TRANSIENT, LOADED_SESSIONS] {
            for handle in self.handles(first)? {
                self.flush(handle)?;
            }
        }
        Ok(())
    }

    fn capability<T>(
        &mut self,
        capability: u32,
        property: u32,
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>,
    ) -> Result<(bool, T), TpmError> {
        // One property is asked for alone: a TPM answers as many as it likes, up to that.
        let count = if capability == PROPERTIES { 1 } else { VALUES_MAX };
        let parameters = Writer::new().u32(capability).u32(property).u32(count);
        let response = self.run(&Command::new(GET_CAPABILITY).parameters(parameters))?;
        response.read(|reader| {
            let more = reader.u8()? != 0;
            if reader.u32()? != capability {
                return Err(Malformed("it tells another capability"));
            }
            Ok((more, read(reader)?))
        })
    }
}

const GET_CAPABILITY: Name = Name(0x17A, "TPM2_GetCapability");
const HANDLES: u32 = 1;
const BANKS: u32 = 5;
const PROPERTIES: u32 = 6;
const MANUFACTURER: u32 = 0x105;
const TRANSIENT: Handle = Handle(0x8000_0000);
const LOADED_SESSIONS: Handle = Handle(0x0200_0000);
