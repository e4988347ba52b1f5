//! TCB versions: 8 bytes, whose places differ between generations (AMD 56860, table 3). Read by the wrong layout they
//! are plausible nonsense, so a version is only read with its generation.

use std::fmt;

use serde::Serialize;

use super::generation::Generation;

/// A TCB version: the security versions of the parts of the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tcb {
    /// Of the FPGA or microcontroller firmware; from Turin on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fmc: Option<u8>,
    /// Of the secure processor's boot loader.
    pub bootloader: u8,
    /// Of the secure processor's operating system.
    pub tee: u8,
    /// Of the SNP firmware.
    pub snp: u8,
    /// Of the cores' microcode, the lowest of all of them.
    pub microcode: u8,
}

/// How many numbers for security versions certificates have: the last part of their extensions' identifiers, from 1.
pub(super) const SPL_COUNT: usize = 9;

/// For each byte of a TCB version the number of the certificate extension that must say the same. What is reserved in the
/// version has a number as well, and is certified as zero.
const MILAN_AND_GENOA: [usize; 8] = [1, 2, 4, 5, 6, 7, 3, 8];
const TURIN: [usize; 8] = [9, 1, 2, 3, 5, 6, 7, 8];

/// The numbers that are reserved: a certificate may leave them out.
const RESERVED: [usize; 4] = [4, 5, 6, 7];

impl Tcb {
    /// Reads a version by the layout of `generation`; reserved bytes are for [`certified`] to compare.
    #[must_use]
    pub const fn read(bytes: [u8; 8], generation: Generation) -> Self {
        match generation {
            Generation::Milan | Generation::Genoa => Self {
                fmc: None,
                bootloader: bytes[0],
                tee: bytes[1],
                snp: bytes[6],
                microcode: bytes[7],
            },
            Generation::Turin => Self {
                fmc: Some(bytes[0]),
                bootloader: bytes[1],
                tee: bytes[2],
                snp: bytes[3],
                microcode: bytes[7],
            },
        }
    }

    /// The fields with their names.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, u8)> {
        let fmc = self.fmc.map(|fmc| ("FMC", fmc));
        let others = [
            ("boot loader", self.bootloader),
            ("TEE", self.tee),
            ("SNP", self.snp),
            ("microcode", self.microcode),
        ];
        fmc.into_iter().chain(others)
    }

    /// Whether some field is lower than in `other`: versions are compared field by field, never as one number.
    pub(super) fn is_below(&self, other: &Self) -> bool {
        self.fields()
            .zip(other.fields())
            .any(|((_, own), (_, other))| own < other)
    }
}

/// The TCB version that a certificate was issued for, by the layout of `generation`. `None` if it leaves out a field that
/// the layout has.
pub(super) fn certified(spl: &[Option<u8>; SPL_COUNT], generation: Generation) -> Option<[u8; 8]> {
    let layout = match generation {
        Generation::Milan | Generation::Genoa => MILAN_AND_GENOA,
        Generation::Turin => TURIN,
    };
    let mut bytes = [0; 8];
    for (byte, number) in bytes.iter_mut().zip(layout) {
        let stated = spl.get(number - 1).copied().flatten();
        *byte = match stated {
            None if RESERVED.contains(&number) => 0,
            stated => stated?,
        };
    }
    Some(bytes)
}

impl fmt::Display for Tcb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, version)) in self.fields().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name} {version}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

    #[test]
    fn each_generation_has_its_layout() {
        let milan = Tcb::read(BYTES, Generation::Milan).to_string();
        assert_eq!(milan, "boot loader 1, TEE 2, SNP 7, microcode 8");
        assert_eq!(Tcb::read(BYTES, Generation::Genoa).to_string(), milan);
        let turin = Tcb::read(BYTES, Generation::Turin).to_string();
        assert_eq!(turin, "FMC 1, boot loader 2, TEE 3, SNP 4, microcode 8");
    }

    #[test]
    fn a_certificates_numbers_stand_in_the_versions_places() {
        let spl = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(Some);
        assert_eq!(certified(&spl, Generation::Milan), Some([1, 2, 4, 5, 6, 7, 3, 8]));
        assert_eq!(certified(&spl, Generation::Turin), Some([9, 1, 2, 3, 5, 6, 7, 8]));
        let without = |number: usize| {
            let mut spl = spl;
            spl[number - 1] = None;
            spl
        };
        assert_eq!(certified(&without(9), Generation::Turin), None);
        assert!(certified(&without(9), Generation::Genoa).is_some());
        assert_eq!(certified(&without(3), Generation::Milan), None);
        assert_eq!(
            certified(&without(5), Generation::Milan),
            Some([1, 2, 4, 0, 6, 7, 3, 8])
        );
    }

    #[test]
    fn one_lower_field_is_lower_whatever_the_others_are() {
        let tcb = |bytes| Tcb::read(bytes, Generation::Milan);
        let own = tcb([4, 0, 0, 0, 0, 0, 24, 219]);
        assert!(!own.is_below(&own));
        assert!(own.is_below(&tcb([5, 0, 0, 0, 0, 0, 0, 0])));
        assert!(own.is_below(&tcb([0, 1, 0, 0, 0, 0, 0, 0])));
        assert!(own.is_below(&tcb([0, 0, 0, 0, 0, 0, 25, 0])));
        assert!(own.is_below(&tcb([0, 0, 0, 0, 0, 0, 0, 220])));
    }
}
