//! Values of the SHA-256 bank, as they stand beside a quote: nothing of them is signed but a digest over those that the
//! quote selects.

use std::collections::BTreeMap;

use strongroom_crypto::digest::{Digest32, sha256, sha384, sha512};

use super::wire::{Reader, algorithm};

/// Registers that a selection can name.
const PCRS_MAX: u8 = 32;

/// Values by register.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pcrs(BTreeMap<u8, Digest32>);

impl Pcrs {
    /// Reads the part of evidence: for each register its number, then its 32 bytes; ascending.
    ///
    /// # Errors
    /// A half sentence about what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut reader = Reader::new(bytes);
        let mut pcrs = Self::default();
        while let Some(pcr) = reader.u8() {
            let value = reader.array().ok_or("pcrs: a value is cut short")?;
            let ascending = pcrs.0.last_key_value().is_none_or(|(last, _)| *last < pcr);
            if !ascending || pcr >= PCRS_MAX {
                return Err("pcrs: registers are not in ascending order, or there is no such register");
            }
            pcrs.0.insert(pcr, Digest32(value));
        }
        Ok(pcrs)
    }

    /// One more value; false where there is one already, or no such register.
    pub(super) fn insert(&mut self, pcr: u8, value: [u8; 32]) -> bool {
        pcr < PCRS_MAX && self.0.insert(pcr, Digest32(value)).is_none()
    }

    /// The part of evidence.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let values = self.0.iter();
        values
            .flat_map(|(pcr, value)| std::iter::once(*pcr).chain(*value.as_bytes()))
            .collect()
    }

    /// The value of one register.
    #[must_use]
    pub fn get(&self, pcr: u8) -> Option<Digest32> {
        self.0.get(&pcr).copied()
    }

    /// All values, ascending by register.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &Digest32)> {
        self.0.iter().map(|(pcr, value)| (*pcr, value))
    }

    /// Those of `selected` alone.
    pub(super) fn only(&self, selected: &[u8]) -> Self {
        let values = self.0.iter().filter(|(pcr, _)| selected.contains(pcr));
        Self(values.map(|(pcr, value)| (*pcr, *value)).collect())
    }

    /// The digest of a quote that selects `selected`, by the hash of its signature.
    ///
    /// # Errors
    /// Which register has no value, or which hash is not accepted.
    pub(super) fn digest(&self, selected: &[u8], hash: u16) -> Result<Vec<u8>, String> {
        let mut values = Vec::with_capacity(32 * selected.len());
        for pcr in selected {
            let value = self.get(*pcr).ok_or_else(|| format!("no value of PCR {pcr}"))?;
            values.extend_from_slice(value.as_bytes());
        }
        match hash {
            algorithm::SHA256 => Ok(sha256(&values).as_bytes().to_vec()),
            algorithm::SHA384 => Ok(sha384(&values).to_vec()),
            algorithm::SHA512 => Ok(sha512(&values).to_vec()),
            other => Err(format!("a digest by {}", algorithm::name(other))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_they_were_written_and_only_so() {
        let mut pcrs = Pcrs::default();
        assert!(pcrs.insert(7, [7; 32]) && pcrs.insert(0, [0; 32]));
        assert!(!pcrs.insert(7, [8; 32]) && !pcrs.insert(32, [0; 32]));
        let mut pcrs = Pcrs::default();
        assert!(pcrs.insert(7, [7; 32]) && pcrs.insert(0, [0; 32]));
        let bytes = pcrs.to_bytes();
        assert_eq!(Pcrs::parse(&bytes), Ok(pcrs.clone()));
        assert_eq!(Pcrs::parse(&bytes[..65]), Err("pcrs: a value is cut short"));
        let (first, second) = bytes.split_at(33);
        assert!(Pcrs::parse(&[second, first].concat()).is_err());
        assert!(Pcrs::parse(&[first, first].concat()).is_err());
        assert_eq!(
            pcrs.digest(&[0, 4], algorithm::SHA256),
            Err("no value of PCR 4".into())
        );
        assert_eq!(
            pcrs.digest(&[0], algorithm::SHA1),
            Err("a digest by SHA-1".into())
        );
        assert_eq!(
            pcrs.digest(&[0], algorithm::SHA384),
            Ok(sha384(&[0; 32]).to_vec())
        );
    }
}
