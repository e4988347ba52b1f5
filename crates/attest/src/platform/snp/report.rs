//! The attestation report as the firmware writes it (AMD 56860, table 23): 1184 bytes, little-endian, of which the first
//! 672 are signed. It is kept as it came, and fields are read where they are asked for: what is verified is always what
//! was received.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bits;
use super::generation::Generation;
use crate::hex_bytes::HexBytes;

/// Length of a report.
pub const REPORT_BYTES: usize = 1184;
/// Length of what is signed.
const SIGNED_BYTES: usize = 672;
/// The versions that are known. Version 3 brought the processor's CPUID, version 5 the mitigation vectors.
pub(super) const VERSIONS: [u32; 3] = [2, 3, 5];
/// ECDSA on P-384 with SHA-384.
pub(super) const ECDSA_P384_SHA384: u32 = 1;

/// An attestation report, unverified.
#[derive(Clone, PartialEq, Eq)]
pub struct AttestationReport(Box<[u8; REPORT_BYTES]>);

/// A version of the SNP firmware: major, minor, build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FirmwareVersion(pub u8, pub u8, pub u8);

impl AttestationReport {
    /// Takes in a report; `None` if it has another length.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; REPORT_BYTES] = bytes.try_into().ok()?;
        Some(Self(Box::new(*bytes)))
    }

    /// The report as it came.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; REPORT_BYTES] {
        &self.0
    }

    pub(super) fn version(&self) -> u32 {
        self.u32(0)
    }

    pub(super) fn guest_svn(&self) -> u32 {
        self.u32(4)
    }

    pub(super) fn guest_policy(&self) -> u64 {
        self.u64(8)
    }

    pub(super) fn family_id(&self) -> HexBytes<16> {
        HexBytes(self.bytes(16))
    }

    pub(super) fn image_id(&self) -> HexBytes<16> {
        HexBytes(self.bytes(32))
    }

    pub(super) fn vmpl(&self) -> u32 {
        self.u32(48)
    }

    pub(super) fn signature_algorithm(&self) -> u32 {
        self.u32(52)
    }

    pub(super) fn current_tcb(&self) -> [u8; 8] {
        self.bytes(56)
    }

    pub(super) fn platform_info(&self) -> u64 {
        self.u64(64)
    }

    /// Whether the digest of an author's key is given.
    pub(super) fn has_author_key(&self) -> bool {
        bits::is_set(self.u32(72).into(), 0)
    }

    /// Whether the firmware was told not to sign with the chip's key.
    pub(super) fn masks_chip_key(&self) -> bool {
        bits::is_set(self.u32(72).into(), 1)
    }

    /// The number of the kind of key that signed: 0 VCEK, 1 VLEK, 7 none.
    pub(super) fn signing_key(&self) -> u32 {
        self.u32(72) >> 2 & 0b111
    }

    /// The bits beside those three that have no name (5 to 31).
    pub(super) fn unknown_key_flags(&self) -> u32 {
        self.u32(72) & !0b1_1111
    }

    pub(super) fn report_data(&self) -> &[u8; 64] {
        self.array(80)
    }

    pub(super) fn measurement(&self) -> [u8; 48] {
        self.bytes(144)
    }

    pub(super) fn host_data(&self) -> HexBytes<32> {
        HexBytes(self.bytes(192))
    }

    pub(super) fn id_key_digest(&self) -> HexBytes<48> {
        HexBytes(self.bytes(224))
    }

    pub(super) fn author_key_digest(&self) -> HexBytes<48> {
        HexBytes(self.bytes(272))
    }

    pub(super) fn report_id(&self) -> HexBytes<32> {
        HexBytes(self.bytes(320))
    }

    pub(super) fn reported_tcb(&self) -> [u8; 8] {
        self.bytes(384)
    }

    /// Family and model of the processor, from version 3 on.
    pub(super) fn cpuid(&self) -> Option<(u8, u8)> {
        let [family, model] = self.bytes(392);
        (self.version() >= 3).then_some((family, model))
    }

    /// The generation that the processor's CPUID says; `None` where there is no CPUID or no generation has it.
    pub(super) fn generation(&self) -> Option<Generation> {
        let (family, model) = self.cpuid()?;
        Generation::of_cpuid(family, model)
    }

    pub(super) fn chip_id(&self) -> HexBytes<64> {
        HexBytes(self.bytes(416))
    }

    pub(super) fn committed_tcb(&self) -> [u8; 8] {
        self.bytes(480)
    }

    pub(super) fn current_firmware(&self) -> FirmwareVersion {
        let [build, minor, major] = self.bytes(488);
        FirmwareVersion(major, minor, build)
    }

    pub(super) fn committed_firmware(&self) -> FirmwareVersion {
        let [build, minor, major] = self.bytes(492);
        FirmwareVersion(major, minor, build)
    }

    pub(super) fn launch_tcb(&self) -> [u8; 8] {
        self.bytes(496)
    }

    /// Mitigations in force at launch and now, a bit for each, from version 5 on.
    pub(super) fn mitigations(&self) -> Option<(u64, u64)> {
        (self.version() >= 5).then(|| (self.u64(504), self.u64(512)))
    }

    /// Where the first byte stands that the report's version reserves and that is not zero.
    pub(super) fn reserved_byte_set(&self) -> Option<usize> {
        let cpuid_bytes = if self.version() >= 3 { 3 } else { 0 };
        let mitigation_bytes = if self.version() >= 5 { 16 } else { 0 };
        let reserved = [
            76..80,
            392 + cpuid_bytes..416,
            491..492,
            495..496,
            504 + mitigation_bytes..SIGNED_BYTES,
        ];
        reserved.into_iter().flatten().find(|at| self.0[*at] != 0)
    }

    /// Where the first byte stands, behind what is signed, that no number of a signature reaches and that is not zero.
    pub(super) fn signature_byte_set(&self) -> Option<usize> {
        let unreached = [R + NUMBER_BYTES..S, S + NUMBER_BYTES..REPORT_BYTES];
        unreached.into_iter().flatten().find(|at| self.0[*at] != 0)
    }

    /// What is signed.
    pub(super) fn signed(&self) -> &[u8] {
        &self.0[..SIGNED_BYTES]
    }

    /// `r || s`, big-endian, 48 bytes each.
    pub(super) fn signature(&self) -> [u8; 2 * NUMBER_BYTES] {
        let mut signature = [0; 2 * NUMBER_BYTES];
        let (r, s) = signature.split_at_mut(NUMBER_BYTES);
        for (number, at) in [(r, R), (s, S)] {
            number.copy_from_slice(&self.0[at..at + NUMBER_BYTES]);
            number.reverse();
        }
        signature
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes(at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes(at))
    }

    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        *self.array(at)
    }

    fn array<const N: usize>(&self, at: usize) -> &[u8; N] {
        self.0[at..]
            .first_chunk()
            .expect("every field lies within the report")
    }
}

/// Where the signature's numbers stand, each in 72 bytes.
const R: usize = 672;
const S: usize = R + 72;
/// How many of the 72 bytes a number of P-384 reaches.
const NUMBER_BYTES: usize = 48;

impl fmt::Debug for AttestationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttestationReport")
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for FirmwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, build) = self;
        write!(f, "{major}.{minor}.{build}")
    }
}

impl FromStr for FirmwareVersion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut numbers = text.split('.').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(build)), None) => Ok(Self(major, minor, build)),
            _ => Err("a firmware version is major.minor.build, such as 1.55.29"),
        }
    }
}

impl Serialize for FirmwareVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FirmwareVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(change: impl FnOnce(&mut [u8; REPORT_BYTES])) -> AttestationReport {
        let mut bytes = [0; REPORT_BYTES];
        change(&mut bytes);
        AttestationReport::read(&bytes).unwrap()
    }

    #[test]
    fn only_one_length_is_a_report() {
        assert!(AttestationReport::read(&[0; REPORT_BYTES]).is_some());
        assert!(AttestationReport::read(&[0; REPORT_BYTES - 1]).is_none());
        assert!(AttestationReport::read(&[0; REPORT_BYTES + 1]).is_none());
    }

    #[test]
    fn what_is_reserved_depends_on_the_version() {
        let of = |version: u8, at: usize| {
            report(|bytes| {
                bytes[0] = version;
                bytes[at] |= 0x80;
            })
            .reserved_byte_set()
        };
        for at in [76, 79, 395, 415, 491, 495, 520, 671] {
            for version in [2, 3, 5] {
                assert_eq!(of(version, at), Some(at), "{version} {at}");
            }
        }
        assert_eq!(of(2, 392), Some(392));
        assert_eq!(of(3, 394), None);
        assert_eq!(of(3, 504), Some(504));
        assert_eq!(of(5, 519), None);
        assert_eq!(of(5, 384), None);
    }

    #[test]
    fn a_signature_is_turned_round_and_what_lies_above_it_is_seen() {
        let signed = report(|bytes| {
            bytes[R] = 1;
            bytes[S + 47] = 2;
        });
        assert_eq!(signed.signature_byte_set(), None);
        assert_eq!((signed.signature()[47], signed.signature()[48]), (1, 2));
        for at in [R + 48, R + 71, S + 48, S + 71, REPORT_BYTES - 1] {
            assert_eq!(report(|bytes| bytes[at] = 1).signature_byte_set(), Some(at));
        }
    }

    #[test]
    fn firmware_versions_are_compared_number_by_number() {
        let version = |text: &str| text.parse::<FirmwareVersion>();
        assert_eq!(version("1.55.29"), Ok(FirmwareVersion(1, 55, 29)));
        assert!(version("1.9.30") < version("1.55.29"));
        for text in ["", "1", "1.55", "1.55.29.0", "1.55.256", "1.55.x"] {
            assert!(version(text).is_err(), "{text:?}");
        }
        let read = report(|bytes| bytes[488..491].copy_from_slice(&[29, 55, 1]));
        assert_eq!(read.current_firmware().to_string(), "1.55.29");
    }
}
