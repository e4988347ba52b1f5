//! Generations of EPYC processors: each has its own root key, and its own layout of a TCB version.

use std::fmt;

use serde::{Deserialize, Serialize};
use strongroom_crypto::digest::sha256;

/// A generation of processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Generation {
    /// EPYC 7003.
    Milan,
    /// EPYC 9004 and 8004.
    Genoa,
    /// EPYC 9005.
    Turin,
}

/// SHA-256 over the SubjectPublicKeyInfo of AMD's root keys (ARK). The key is pinned and not the certificate, which may
/// be issued anew.
const ROOT_KEYS: [(Generation, &str); 3] = [
    (
        Generation::Milan,
        "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9",
    ),
    (
        Generation::Genoa,
        "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831",
    ),
    (
        Generation::Turin,
        "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08",
    ),
];

impl Generation {
    /// The generation of a processor, by the combined family and model that CPUID gives.
    #[must_use]
    pub const fn of_cpuid(family: u8, model: u8) -> Option<Self> {
        match (family, model) {
            (0x19, 0x00..=0x0f) => Some(Self::Milan),
            (0x19, 0x10..=0x1f | 0xa0..=0xaf) => Some(Self::Genoa),
            (0x1a, 0x00..=0x11) => Some(Self::Turin),
            _ => None,
        }
    }

    /// The generation that a certificate's product name says: `Milan-B0` with its stepping, or `Milan` alone.
    #[must_use]
    pub fn of_product(product: &str) -> Option<Self> {
        let (name, _) = product.split_once('-').unwrap_or((product, ""));
        match name {
            "Milan" => Some(Self::Milan),
            "Genoa" => Some(Self::Genoa),
            "Turin" => Some(Self::Turin),
            _ => None,
        }
    }

    /// The generation whose pinned root key this is (DER SubjectPublicKeyInfo).
    #[must_use]
    pub fn of_root_key(spki: &[u8]) -> Option<Self> {
        let found = sha256(spki).to_string();
        let pinned = ROOT_KEYS.iter().find(|(_, pinned)| *pinned == found);
        pinned.map(|(generation, _)| *generation)
    }

    /// The name, as AMD writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
        }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_of_each_generation() {
        let of = Generation::of_cpuid;
        let known = [
            ((0x19, 0x00), Generation::Milan),
            ((0x19, 0x0f), Generation::Milan),
            ((0x19, 0x10), Generation::Genoa),
            ((0x19, 0x1f), Generation::Genoa),
            ((0x19, 0xa0), Generation::Genoa),
            ((0x19, 0xaf), Generation::Genoa),
            ((0x1a, 0x00), Generation::Turin),
            ((0x1a, 0x11), Generation::Turin),
        ];
        for ((family, model), generation) in known {
            assert_eq!(of(family, model), Some(generation), "{family:#x}/{model:#x}");
        }
        let unknown = [
            (0x17, 0x31),
            (0x18, 0),
            (0x19, 0x20),
            (0x19, 0x9f),
            (0x19, 0xb0),
            (0x1a, 0x12),
            (0, 0),
        ];
        for (family, model) in unknown {
            assert_eq!(of(family, model), None, "{family:#x}/{model:#x}");
        }
    }

    #[test]
    fn a_product_name_may_say_its_stepping_and_nothing_else() {
        let of = Generation::of_product;
        assert_eq!(of("Milan-B0"), Some(Generation::Milan));
        assert_eq!(of("Genoa"), Some(Generation::Genoa));
        assert_eq!(of("Turin"), Some(Generation::Turin));
        for other in ["", "milan", "Milan B0", "MilanX", "-B0", "Rome-B0"] {
            assert_eq!(of(other), None, "{other:?}");
        }
    }
}
