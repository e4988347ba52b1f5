//! Platform configuration registers of the SHA-256 bank: read, extend, quote (Part 3 §18.4, §22).

use strongroom_crypto::digest::{Digest32, Sha256};

use super::command::{Authorization, Command, Name};
use super::error::TpmError;
use super::wire::{Malformed, Reader, Writer};
use super::{Handle, Tpm, algorithm};

/// Registers 0 to 23, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PcrSelection([u8; 3]);

impl PcrSelection {
    /// No register.
    #[must_use]
    pub const fn none() -> Self {
        Self([0; 3])
    }

    /// Registers `0..=last`, up to 23.
    #[must_use]
    pub const fn up_to(last: u32) -> Self {
        let mut selection = Self::none();
        let mut index = 0;
        while index <= last {
            selection = selection.and(index);
            index += 1;
        }
        selection
    }

    /// One register more; 24 and above do not exist.
    #[must_use]
    pub const fn and(mut self, index: u32) -> Self {
        if index < 24 {
            self.0[(index / 8) as usize] |= 1 << (index % 8);
        }
        self
    }

    /// The selected registers, in ascending order: the order in which a quote hashes them.
    pub fn indices(self) -> impl Iterator<Item = u32> {
        (0..24).filter(move |index| self.contains(*index))
    }

    /// Whether the register is selected.
    #[must_use]
    pub const fn contains(self, index: u32) -> bool {
        index < 24 && self.0[(index / 8) as usize] & (1 << (index % 8)) != 0
    }

    /// `TPML_PCR_SELECTION` with the SHA-256 bank alone.
    pub(super) fn write(self, writer: Writer) -> Writer {
        writer.u32(1).u16(algorithm::SHA256).u8(3).raw(&self.0)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (banks, hash, size) = (reader.u32()?, reader.u16()?, reader.u8()?);
        let bitmap = reader.take(usize::from(size))?;
        match (banks, hash, bitmap.first_chunk()) {
            (1, algorithm::SHA256, Some(bitmap)) => Ok(Self(*bitmap)),
            _ => Err(Malformed("it tells another bank than SHA-256")),
        }
    }
}

/// Values of registers, in ascending order.
pub type Pcrs = Vec<(u32, Digest32)>;

/// SHA-256 over the values: what a quote or a policy says of them.
#[must_use]
pub fn digest(pcrs: &[(u32, Digest32)]) -> Digest32 {
    let mut hash = Sha256::new();
    for (_, value) in pcrs {
        hash.update(value.as_bytes());
    }
    hash.finish()
}

/// A signed statement about registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// `TPMS_ATTEST`: what is signed.
    pub attest: Vec<u8>,
    /// `TPMT_SIGNATURE`.
    pub signature: Vec<u8>,
}

impl Quote {
    /// The digest of the registers, as the quote states it (Part 2 §10.12.8).
    ///
    /// # Errors
    /// [`Malformed`] for what is no quote.
    pub fn pcr_digest(&self) -> Result<Digest32, Malformed> {
        let mut reader = Reader::new(&self.attest);
        if (reader.u32()?, reader.u16()?) != (GENERATED, ATTEST_QUOTE) {
            return Err(Malformed("it is no quote"));
        }
        reader.sized()?; // the key that signed
        reader.sized()?; // the caller's data
        reader.take(CLOCK_BYTES)?;
        reader.u64()?; // firmware version
        PcrSelection::read(&mut reader)?;
        let digest = reader.sized()?;
        reader.end()?;
        let digest = digest.try_into();
        Ok(Digest32(
            digest.map_err(|_| Malformed("its digest is not one of SHA-256"))?,
        ))
    }
}

impl Tpm {
    /// The selected registers' values, all from one moment.
    ///
    /// # Errors
    /// [`TpmError`]; also where the TPM lacks a selected register in its SHA-256 bank.
    pub fn pcr_read(&mut self, selection: PcrSelection) -> Result<Pcrs, TpmError> {
        for _ in 1..CONSISTENT_ATTEMPTS_MAX {
            if let Some(pcrs) = self.pcr_read_at_once(selection)? {
                return Ok(pcrs);
            }
        }
        let what = "the registers change faster than they can be read";
        self.pcr_read_at_once(selection)?
            .ok_or_else(|| TpmError::malformed(PCR_READ.1)(Malformed(what)))
    }

    /// A TPM tells few registers at a time; `None` when one changed in between.
    fn pcr_read_at_once(&mut self, selection: PcrSelection) -> Result<Option<Pcrs>, TpmError> {
        let mut pcrs = Pcrs::new();
        let mut moment = None;
        let mut missing = selection;
        while missing != PcrSelection::none() {
            let parameters = missing.write(Writer::new());
            let response = self.run(&Command::new(PCR_READ).parameters(parameters))?;
            let (counter, told) = response.read(read_pcrs)?;
            if moment.replace(counter).is_some_and(|before| before != counter) {
                return Ok(None);
            }
            if told.is_empty() || !told.iter().all(|(index, _)| missing.contains(*index)) {
                let what = "the SHA-256 bank is not active, or lacks a register";
                return Err(TpmError::malformed(PCR_READ.1)(Malformed(what)));
            }
            for (index, value) in told {
                missing.0[(index / 8) as usize] &= !(1 << (index % 8));
                pcrs.push((index, value));
            }
        }
        pcrs.sort_by_key(|(index, _)| *index);
        Ok(Some(pcrs))
    }

    /// Extends the register of the SHA-256 bank with `digest`.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn pcr_extend(&mut self, index: u32, digest: &Digest32) -> Result<(), TpmError> {
        let digests = Writer::new().u32(1).u16(algorithm::SHA256).raw(digest.as_bytes());
        let command = Command::new(PCR_EXTEND)
            .authorized(Handle(index), Authorization::EmptyPassword)
            .parameters(digests);
        self.run(&command).map(|_| ())
    }

    /// A quote of the registers with `extra_data` (at most 50 bytes: more do not fit into every TPM), by `key` and its
    /// own scheme.
    ///
    /// # Errors
    /// [`TpmError`].
    pub fn quote(
        &mut self,
        key: Handle,
        extra_data: &[u8],
        selection: PcrSelection,
    ) -> Result<Quote, TpmError> {
        let parameters = Writer::new().sized(extra_data).u16(algorithm::NULL);
        let command = Command::new(QUOTE)
            .authorized(key, Authorization::EmptyPassword)
            .parameters(selection.write(parameters));
        self.run(&command)?.read(|reader| {
            Ok(Quote {
                attest: reader.sized()?.to_vec(),
                signature: reader.take(reader.rest().len())?.to_vec(),
            })
        })
    }
}

/// The update counter, and the registers told.
fn read_pcrs(reader: &mut Reader<'_>) -> Result<(u32, Pcrs), Malformed> {
    let counter = reader.u32()?;
    let selection = PcrSelection::read(reader)?;
    let count = reader.u32()?;
    let mut pcrs = Pcrs::new();
    for index in selection.indices() {
        let value = reader.sized()?.try_into();
        pcrs.push((
            index,
            Digest32(value.map_err(|_| Malformed("a value has not 32 bytes"))?),
        ));
    }
    if usize::try_from(count) == Ok(pcrs.len()) {
        Ok((counter, pcrs))
    } else {
        Err(Malformed("it tells another number of values than registers"))
    }
}

const QUOTE: Name = Name(0x158, "TPM2_Quote");
const PCR_READ: Name = Name(0x17E, "TPM2_PCR_Read");
const PCR_EXTEND: Name = Name(0x182, "TPM2_PCR_Extend");
/// `TPM_GENERATED_VALUE`: no restricted key signs anything else that begins so.
const GENERATED: u32 = 0xFF54_4347;
const ATTEST_QUOTE: u16 = 0x8018;
const CLOCK_BYTES: usize = 17;
const CONSISTENT_ATTEMPTS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::super::transport::tests::Recorded;
    use super::*;

    #[test]
    fn a_selection_has_the_registers_it_names() {
        let selection = PcrSelection::up_to(3).and(13).and(24);
        assert_eq!(selection.indices().collect::<Vec<_>>(), [0, 1, 2, 3, 13]);
        assert_eq!(PcrSelection::up_to(15), PcrSelection([0xFF, 0xFF, 0]));
    }

    #[test]
    fn the_digest_is_read_from_a_quote_and_from_nothing_else() {
        let attest = |kind: u16, digest: &[u8]| {
            let head = Writer::new()
                .u32(GENERATED)
                .u16(kind)
                .sized(b"name")
                .sized(b"data");
            let rest = PcrSelection::up_to(15).write(head.raw(&[0; CLOCK_BYTES + 8]));
            rest.sized(digest).bytes()
        };
        let read = |attest: Vec<u8>| {
            let signature = Vec::new();
            Quote { attest, signature }
                .pcr_digest()
                .map_err(|Malformed(what)| what)
        };
        assert_eq!(read(attest(ATTEST_QUOTE, &[5; 32])), Ok(Digest32([5; 32])));
        assert_eq!(
            read(attest(0x8017, &[5; 32])),
            Err("it is no quote"),
            "TPM2_Certify"
        );
        assert_eq!(
            read(attest(ATTEST_QUOTE, &[5; 20])),
            Err("its digest is not one of SHA-256")
        );
        let good = attest(ATTEST_QUOTE, &[5; 32]);
        assert_eq!(read(good[..good.len() - 1].to_vec()), Err("it ends early"));
        assert_eq!(read([good, vec![0]].concat()), Err("something follows its end"));
    }

    const READ_7_13: &str = "8001 00000014 0000017e 00000001 000b 03 802000";
    const READ_13: &str = "8001 00000014 0000017e 00000001 000b 03 002000";

    fn told(counter: u32, bitmap: &str, values: &[u8]) -> String {
        let digests: String = values
            .iter()
            .map(|value| format!("0020{}", hex::encode([*value; 32])))
            .collect();
        let body = format!(
            "{counter:08x} 00000001 000b 03 {bitmap} {:08x} {digests}",
            values.len()
        );
        format!("8001 {:08x} 00000000 {body}", 10 + 4 + 10 + 4 + 34 * values.len())
    }

    fn read(exchanges: &[(&str, String)]) -> Result<Pcrs, TpmError> {
        let exchanges: Vec<_> = exchanges
            .iter()
            .map(|(command, told)| (*command, told.as_str()))
            .collect();
        let selection = PcrSelection::none().and(7).and(13);
        Tpm::over(Box::new(Recorded::new(&exchanges))).pcr_read(selection)
    }

    #[test]
    fn registers_are_read_until_all_are_told_and_are_of_one_moment() {
        let both = vec![(7, Digest32([1; 32])), (13, Digest32([2; 32]))];
        let seven = |counter| (READ_7_13, told(counter, "800000", &[1]));
        let thirteen = |counter| (READ_13, told(counter, "002000", &[2]));
        assert_eq!(read(&[seven(5), thirteen(5)]).expect("told"), both);
        let changed = [seven(5), thirteen(6), seven(6), thirteen(6)];
        assert_eq!(read(&changed).expect("told at the second attempt"), both);
        let error = read(&[(READ_7_13, told(5, "000000", &[]))]).expect_err("nothing told");
        assert!(error.to_string().contains("not active"), "{error}");
        let error = read(&[(READ_7_13, told(5, "400000", &[1]))]).expect_err("another register");
        assert!(error.to_string().contains("lacks a register"), "{error}");
    }
}
