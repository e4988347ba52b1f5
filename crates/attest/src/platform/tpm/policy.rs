//! What may be asked of TPM 2.0 measured boot, beside what may be asked of every platform.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};
use strongroom_crypto::digest::Digest32;

use super::key::KnownKey;
use crate::event_log::ima::{IMA_PCR, ImaPolicy};
use crate::event_log::policy::EventPolicy;

/// The policy; its default is the strict one: where an event log is given, each of PCR 0 to 15 that is quoted stands where
/// the log leads, or holds nothing.
///
/// Without [`Self::constrains_boot`] a TPM proves only that whoever reached it extended the expected digests: say what
/// may have booted, by `events` or by `pcrs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Attestation keys that are known themselves: SHA-256 of each key's public area in hexadecimal, or the key in PEM.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_attestation_keys: Vec<KnownKey>,
    /// Accepted values of registers of the SHA-256 bank.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pcrs: BTreeMap<Pcr, Accepted>,
    /// What may, must and must not have been measured. Wants an event log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<EventPolicy>,
    /// Files that the kernel may have measured. Wants its list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ima: Option<ImaPolicy>,
    /// Registers that must be quoted, beside those of which something else is asked.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub quoted: BTreeSet<Pcr>,
    /// Registers that may hold what no log explains: what userspace measures without a log, such as systemd's PCR 11 and 15.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unlogged: BTreeSet<Pcr>,
    /// How often the TPM was reset: its machine may not have booted since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_count: Option<u32>,
    /// How often it was resumed or restarted since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_count: Option<u32>,
}

/// A register, 0 to 23. In JSON a number, or its digits where it names a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Pcr(pub u8);

/// Accepted values of one register. In JSON one, or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Accepted {
    /// This one.
    One(Digest32),
    /// Any of these.
    AnyOf(Vec<Digest32>),
}

/// Registers that firmware, boot loader and kernel extend before programs run.
const BOOT_PCRS: [u32; 13] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 14];

impl Policy {
    /// Whether it says anything about what booted.
    #[must_use]
    pub fn constrains_boot(&self) -> bool {
        let fixed = self.pcrs.keys().map(|pcr| u32::from(pcr.0));
        let ruled = self.events.iter().flat_map(EventPolicy::registers);
        fixed.chain(ruled).any(|pcr| BOOT_PCRS.contains(&pcr))
    }

    /// What cannot be.
    pub(crate) fn check(&self) -> Result<(), String> {
        let empty = self
            .pcrs
            .iter()
            .find(|(_, accepted)| accepted.values().is_empty());
        if let Some((pcr, _)) = empty {
            return Err(format!("no value of PCR {} is accepted", pcr.0));
        }
        let mut ruled = self.events.iter().flat_map(EventPolicy::registers);
        let unlogged = |register: &u32| u8::try_from(*register).is_ok_and(|pcr| self.allows_unlogged(pcr));
        if let Some(register) = ruled.find(unlogged) {
            return Err(format!(
                "PCR {register} may hold what no log explains, and its events are asked for"
            ));
        }
        match self.unlogged.iter().find(|pcr| pcr.0 == super::log::WORKLOAD_PCR) {
            Some(pcr) => Err(format!("PCR {} says what runs: its log is needed", pcr.0)),
            None => Ok(()),
        }
    }

    pub(super) fn allows_unlogged(&self, pcr: u8) -> bool {
        self.unlogged.contains(&Pcr(pcr))
    }

    /// Registers of which something is asked.
    pub(super) fn registers(&self) -> BTreeSet<u32> {
        let named = self.pcrs.keys().chain(&self.quoted);
        let ruled = self.events.iter().flat_map(EventPolicy::registers);
        // The list begins with a hash over the registers of the boot.
        let files = self.ima.iter().flat_map(|_| (0..10).chain([IMA_PCR]));
        named.map(|pcr| pcr.0.into()).chain(ruled).chain(files).collect()
    }
}

impl Accepted {
    /// The values.
    #[must_use]
    pub fn values(&self) -> &[Digest32] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::AnyOf(values) => values,
        }
    }
}

impl<'de> Deserialize<'de> for Pcr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PcrVisitor)
    }
}

struct PcrVisitor;

impl Visitor<'_> for PcrVisitor {
    type Value = Pcr;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a register from 0 to 23")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Pcr, E> {
        let number = u8::try_from(number).ok().filter(|number| *number < 24);
        number
            .map(Pcr)
            .ok_or_else(|| E::custom("registers are numbered from 0 to 23"))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Pcr, E> {
        let number = text
            .parse()
            .map_err(|_| E::custom("a register is named by its number"))?;
        self.visit_u64(number)
    }
}
