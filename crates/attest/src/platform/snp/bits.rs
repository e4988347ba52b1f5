//! The guest policy and the platform information of a report: bits with names (AMD 56860, tables 10 and 24). Bits without
//! a name here are shown by their number: newer firmware has more of them.

use serde::{Deserialize, Serialize};

/// A bit of the guest policy, which the guest's owner fixed at launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestPolicyBit {
    /// The host may run two threads on a core.
    Smt,
    /// The guest may be associated with a migration agent.
    MigrateMa,
    /// The host may debug the guest.
    Debug,
    /// The guest runs on one socket only.
    SingleSocket,
    /// CXL devices may be populated.
    Cxl,
    /// Memory must be encrypted with AES-256-XTS.
    MemAes256Xts,
    /// The host must not measure the guest's power consumption.
    RaplDis,
    /// The host must not see the guest's ciphertext.
    CiphertextHiding,
    /// The host must not move or swap the guest's pages.
    PageSwapDisable,
}

impl GuestPolicyBit {
    const NAMES: [(u32, &'static str); 10] = [
        (16, "SMT"),
        (RESERVED_ONE, "reserved"),
        (18, "MIGRATE_MA"),
        (19, "DEBUG"),
        (20, "SINGLE_SOCKET"),
        (21, "CXL"),
        (22, "MEM_AES_256_XTS"),
        (23, "RAPL_DIS"),
        (24, "CIPHERTEXT_HIDING"),
        (25, "PAGE_SWAP_DISABLE"),
    ];

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Smt => 16,
            Self::MigrateMa => 18,
            Self::Debug => 19,
            Self::SingleSocket => 20,
            Self::Cxl => 21,
            Self::MemAes256Xts => 22,
            Self::RaplDis => 23,
            Self::CiphertextHiding => 24,
            Self::PageSwapDisable => 25,
        }
    }

    pub(super) const fn is_set(self, guest_policy: u64) -> bool {
        is_set(guest_policy, self.number())
    }
}

/// A bit of the platform information, which the firmware states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformInfoBit {
    /// Two threads run on a core.
    Smt,
    /// All memory is encrypted.
    Tsme,
    /// Memory corrects errors.
    Ecc,
    /// Power consumption cannot be measured.
    RaplDis,
    /// Ciphertext is hidden from the host.
    CiphertextHiding,
    /// Memory was searched for addresses that lead to the same place, and there were none.
    AliasCheckComplete,
    /// Trusted I/O is on.
    Tio,
}

impl PlatformInfoBit {
    const NAMES: [(u32, &'static str); 7] = [
        (0, "SMT"),
        (1, "TSME"),
        (2, "ECC"),
        (3, "RAPL_DIS"),
        (4, "CIPHERTEXT_HIDING"),
        (5, "ALIAS_CHECK_COMPLETE"),
        (7, "TIO"),
    ];

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Smt => 0,
            Self::Tsme => 1,
            Self::Ecc => 2,
            Self::RaplDis => 3,
            Self::CiphertextHiding => 4,
            Self::AliasCheckComplete => 5,
            Self::Tio => 7,
        }
    }
}

/// The bit of the guest policy that is reserved and one.
pub(super) const RESERVED_ONE: u32 = 17;

/// The bits of the guest policy that hold the least version of the ABI.
const ABI_MASK: u64 = 0xffff;

/// What a policy asks of bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) required: u64,
    pub(super) forbidden: u64,
    /// Whether bits without a name are refused.
    pub(super) named_only: bool,
}

impl Asked {
    /// Every bit of `found` that is missing or too many, with its name; empty if all is as asked.
    fn problems(&self, found: u64, names: &[(u32, &str)]) -> Vec<String> {
        let known = names.iter().fold(0, |mask, (number, _)| mask | 1_u64 << number);
        let missing = bit_names(self.required & !found, names);
        let forbidden = bit_names(self.forbidden & found, names);
        let unknown = if self.named_only { found & !known } else { 0 };
        missing
            .into_iter()
            .map(|name| format!("{name} set"))
            .chain(forbidden.into_iter().map(|name| format!("{name} clear")))
            .chain(
                bit_names(unknown, names)
                    .into_iter()
                    .map(|name| format!("{name} clear")),
            )
            .collect()
    }

    pub(super) fn of_guest_policy(&self, found: u64) -> Vec<String> {
        self.problems(found & !ABI_MASK, &GuestPolicyBit::NAMES)
    }

    pub(super) fn of_platform_info(&self, found: u64) -> Vec<String> {
        self.problems(found, &PlatformInfoBit::NAMES)
    }
}

/// The guest policy in words: `0x3001f: ABI 0.31, SMT, reserved`.
pub(super) fn describe_guest_policy(found: u64) -> String {
    let (major, minor) = ((found >> 8) & 0xff, found & 0xff);
    let names = bit_names(found & !ABI_MASK, &GuestPolicyBit::NAMES);
    format!("{found:#x}: ABI {major}.{minor}, {}", joined(&names))
}

/// The platform information in words: `0x25: SMT, ECC, ALIAS_CHECK_COMPLETE`.
pub(super) fn describe_platform_info(found: u64) -> String {
    format!(
        "{found:#x}: {}",
        joined(&bit_names(found, &PlatformInfoBit::NAMES))
    )
}

pub(super) const fn is_set(bits: u64, number: u32) -> bool {
    bits >> number & 1 == 1
}

/// One mask of several bits.
pub(super) fn mask(numbers: impl Iterator<Item = u32>) -> u64 {
    numbers.fold(0, |mask, number| mask | 1 << number)
}

fn bit_names(bits: u64, names: &[(u32, &str)]) -> Vec<String> {
    (0..u64::BITS)
        .filter(|number| is_set(bits, *number))
        .map(|number| {
            let name = names.iter().find(|(named, _)| *named == number);
            name.map_or_else(|| format!("bit {number}"), |(_, name)| (*name).to_owned())
        })
        .collect()
}

fn joined(names: &[String]) -> String {
    if names.is_empty() {
        "no bit set".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_told_by_name_and_unnamed_ones_by_number() {
        assert_eq!(describe_guest_policy(0x3001f), "0x3001f: ABI 0.31, SMT, reserved");
        assert_eq!(
            describe_platform_info(0x65),
            "0x65: SMT, ECC, ALIAS_CHECK_COMPLETE, bit 6"
        );
        assert_eq!(describe_platform_info(0), "0x0: no bit set");
        assert_eq!(describe_platform_info(1 << 63), "0x8000000000000000: bit 63");
    }

    #[test]
    fn what_is_asked_is_told_bit_by_bit() {
        let asked = Asked {
            required: mask([1, 5].into_iter()),
            forbidden: mask([0].into_iter()),
            named_only: true,
        };
        assert_eq!(
            asked.of_platform_info(0x61),
            ["TSME set", "SMT clear", "bit 6 clear"]
        );
        let lenient = Asked {
            named_only: false,
            ..asked
        };
        assert!(lenient.of_platform_info(0x62).is_empty());
        // The ABI's numbers are no bits of the policy.
        assert!(
            Asked {
                required: 0,
                forbidden: 0,
                named_only: true
            }
            .of_guest_policy(0x3_ffff)
            .is_empty()
        );
    }
}
