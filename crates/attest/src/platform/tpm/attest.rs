//! `TPMS_ATTEST` (TPM 2.0 Library, Part 2 §10.12.12): what an attestation key signs about its own TPM.

use std::fmt;

use serde::Serialize;

use super::wire::{Reader, algorithm};

/// `TPM_GENERATED_VALUE`: a restricted key signs no data from outside that begins with it.
pub const MAGIC: u32 = 0xff54_4347;
/// `TPM_ST_ATTEST_QUOTE`.
pub const QUOTE: u16 = 0x8018;

/// Most banks in a selection; no TPM has as many.
const BANKS_MAX: u32 = 16;
/// Most bytes of a bitmap of registers: 32 registers.
const BITMAP_BYTES_MAX: u8 = 4;

/// What was signed, parsed and believed in nothing: neither the magic nor the type are checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attest {
    /// Should be [`MAGIC`].
    pub magic: u32,
    /// Should be [`QUOTE`].
    pub attestation_type: u16,
    /// Qualified name of the key that signed.
    pub qualified_signer: Vec<u8>,
    /// What the verifier asked to have in it.
    pub extra_data: Vec<u8>,
    /// Clock and counters.
    pub clock: Clock,
    /// The TPM maker's firmware version.
    pub firmware_version: u64,
    /// What was quoted; none where the type says that it is no quote.
    pub quote: Option<QuoteInfo>,
}

/// `TPMS_CLOCK_INFO`. For a key that belongs to the storage hierarchy the counters are shifted by a secret amount: they
/// can be compared with one another, and with nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// Milliseconds that the TPM has had power, over its life.
    pub clock_ms: u64,
    /// How often the TPM was reset: once for each boot of the machine.
    pub reset_count: u32,
    /// How often it was resumed or restarted since.
    pub restart_count: u32,
    /// Whether no higher clock was ever told before: false for a while after power was cut.
    pub safe: bool,
}

/// `TPMS_QUOTE_INFO`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteInfo {
    /// The structure as it was signed.
    pub raw: Vec<u8>,
    /// Registers, bank by bank.
    pub selection: Vec<BankSelection>,
    /// Digest over their values, in this order.
    pub digest: Vec<u8>,
}

/// `TPMS_PCR_SELECTION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankSelection {
    /// The bank's hash algorithm.
    pub algorithm: u16,
    /// Its registers, ascending.
    pub pcrs: Vec<u8>,
}

impl Attest {
    /// Reads `TPMS_ATTEST`, which must end where the bytes do.
    ///
    /// # Errors
    /// A half sentence about what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        const CUT: &str = "quote: TPMS_ATTEST is cut short";
        let mut reader = Reader::new(bytes);
        let magic = reader.u32().ok_or(CUT)?;
        let attestation_type = reader.u16().ok_or(CUT)?;
        let qualified_signer = reader.sized().ok_or(CUT)?.to_vec();
        let extra_data = reader.sized().ok_or(CUT)?.to_vec();
        let clock = Clock {
            clock_ms: reader.u64().ok_or(CUT)?,
            reset_count: reader.u32().ok_or(CUT)?,
            restart_count: reader.u32().ok_or(CUT)?,
            safe: match reader.u8().ok_or(CUT)? {
                0 => false,
                1 => true,
                _ => return Err("quote: the clock is neither safe nor not safe"),
            },
        };
        let firmware_version = reader.u64().ok_or(CUT)?;
        let quote = match attestation_type {
            QUOTE => Some(QuoteInfo::parse(reader.rest())?),
            _ => None,
        };
        Ok(Self {
            magic,
            attestation_type,
            qualified_signer,
            extra_data,
            clock,
            firmware_version,
            quote,
        })
    }
}

impl QuoteInfo {
    fn parse(raw: &[u8]) -> Result<Self, &'static str> {
        const CUT: &str = "quote: TPMS_QUOTE_INFO is cut short";
        let mut reader = Reader::new(raw);
        let banks = reader.u32().ok_or(CUT)?;
        if banks > BANKS_MAX {
            return Err("quote: it selects more banks than there are");
        }
        let mut selection = Vec::new();
        for _ in 0..banks {
            let algorithm = reader.u16().ok_or(CUT)?;
            let bytes = reader.u8().ok_or(CUT)?;
            if bytes > BITMAP_BYTES_MAX {
                return Err("quote: it selects more registers than there are");
            }
            let bitmap = reader.take(usize::from(bytes)).ok_or(CUT)?;
            let pcrs = (0..8 * bytes)
                .filter(|pcr| bitmap[usize::from(pcr / 8)] & (1 << (pcr % 8)) != 0)
                .collect();
            selection.push(BankSelection { algorithm, pcrs });
        }
        let digest = reader.sized().ok_or(CUT)?.to_vec();
        if !reader.is_empty() {
            return Err("quote: bytes follow TPMS_ATTEST");
        }
        Ok(Self {
            raw: raw.to_vec(),
            selection,
            digest,
        })
    }

    /// The registers of the SHA-256 bank in the order in which they enter the digest, if nothing else is selected.
    #[must_use]
    pub fn sha256_pcrs(&self) -> Option<Vec<u8>> {
        let mut selected = self.selection.iter().filter(|bank| !bank.pcrs.is_empty());
        let bank = selected.next()?;
        let alone = bank.algorithm == algorithm::SHA256 && selected.next().is_none();
        alone.then(|| bank.pcrs.clone())
    }
}

impl fmt::Display for QuoteInfo {
    /// The selection, as `SHA-256: PCR 0-7, 13`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let banks = self.selection.iter().filter(|bank| !bank.pcrs.is_empty());
        let banks: Vec<_> = banks
            .map(|bank| format!("{}: PCR {}", algorithm::name(bank.algorithm), ranges(&bank.pcrs)))
            .collect();
        match banks.as_slice() {
            [] => f.write_str("no register"),
            banks => f.write_str(&banks.join("; ")),
        }
    }
}

/// Ascending registers as `0-7, 13`.
pub(super) fn ranges(pcrs: &[u8]) -> String {
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for pcr in pcrs {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*pcr) => *last = *pcr,
            _ => ranges.push((*pcr, *pcr)),
        }
    }
    let ranges = ranges.into_iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}-{last}"),
    });
    ranges.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_read_as_ranges() {
        assert_eq!(ranges(&[0, 1, 2, 3, 7, 8, 13]), "0-3, 7, 8, 13");
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[255]), "255");
    }

    #[test]
    fn a_count_of_banks_allocates_nothing() {
        let mut bytes = MAGIC.to_be_bytes().to_vec();
        bytes.extend(QUOTE.to_be_bytes());
        bytes.extend([0; 4 + 17 + 8]);
        bytes.extend(u32::MAX.to_be_bytes());
        let refused = Attest::parse(&bytes);
        assert_eq!(refused, Err("quote: it selects more banks than there are"));
    }
}
