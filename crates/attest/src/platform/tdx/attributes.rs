//! Bits of TDATTRIBUTES (Intel TDX Module ABI specification 348551-008, table 3.23).

/// Whether the host may look into the TD.
pub(super) const fn debug(attributes: u64) -> bool {
    attributes & 1 != 0
}

/// The host may count what the TD does.
pub(super) const PROFILING: u64 = 0b111 << 4;
pub(super) const ICSSD: u64 = 1 << 16;
pub(super) const SERVTD_EXT: u64 = 1 << 17;
pub(super) const LASS: u64 = 1 << 27;
pub(super) const SEPT_VE_DISABLE: u64 = 1 << 28;
pub(super) const MIGRATABLE: u64 = 1 << 29;
pub(super) const PKS: u64 = 1 << 30;
pub(super) const KL: u64 = 1 << 31;
pub(super) const TPA: u64 = 1 << 62;
pub(super) const PERFMON: u64 = 1 << 63;

/// Bits that a verifier has to refuse: those of the debug group and of the security group that have no meaning yet, and the
/// rest of the last group.
pub(super) const RESERVED: u64 = bits(1, 3) | bits(7, 15) | bits(23, 26) | bits(32, 61);

/// Bits of the security group that have a meaning which this program does not know. They are told, and refused by nobody.
const UNNAMED: u64 = bits(18, 22);

const fn bits(first: u32, last: u32) -> u64 {
    u64::MAX << first & u64::MAX >> (63 - last)
}

/// The numbers of bits that have no name here, as text: `bit 18, bit 40`.
pub(super) fn unnamed(attributes: u64) -> String {
    let unnamed = attributes & (RESERVED | UNNAMED);
    let numbers = (0..u64::BITS).filter(|number| unnamed >> number & 1 == 1);
    let names: Vec<_> = numbers.map(|number| format!("bit {number}")).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_has_one_meaning() {
        let named = [
            1,
            PROFILING,
            ICSSD,
            SERVTD_EXT,
            LASS,
            SEPT_VE_DISABLE,
            MIGRATABLE,
            PKS,
            KL,
            TPA,
            PERFMON,
            RESERVED,
            UNNAMED,
        ];
        assert_eq!(named.iter().fold(0, |all, bits| all | bits), u64::MAX);
        assert_eq!(named.iter().map(|bits| bits.count_ones()).sum::<u32>(), u64::BITS);
        assert_eq!(unnamed(1 << 28 | 1 << 63), "none");
        assert_eq!(unnamed(1 << 18 | 1 << 40), "bit 18, bit 40");
    }
}
