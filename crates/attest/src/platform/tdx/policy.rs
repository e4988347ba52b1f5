//! What may be asked of Intel TDX machines, beside what may be asked of every platform.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use strongroom_crypto::digest::Digest32;

use crate::event_log::policy::EventPolicy;
use crate::hex_bytes::HexBytes;
use crate::platform::dcap::{Demand, HardwarePolicy, TcbPolicy};

/// The policy; its default is the strict one. An empty list asks nothing, but for `service_tds`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// How well the platform has to be patched.
    pub tcb: TcbPolicy,
    /// Which machines are accepted.
    pub hardware: HardwarePolicy,
    /// What TDATTRIBUTES has to be, beside what is always asked of it.
    pub td_attributes: TdAttributes,
    /// Accepted measurements of service TDs that are bound to the TD. Empty: none may be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service_tds: Vec<HexBytes<48>>,
    /// Accepted values of XFAM.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub xfam: Vec<HexBytes<8>>,
    /// Accepted measurements of the TDX module.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mrseam: Vec<HexBytes<48>>,
    /// Accepted values of MRCONFIGID.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mrconfigid: Vec<HexBytes<48>>,
    /// Accepted values of MROWNER.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mrowner: Vec<HexBytes<48>>,
    /// Accepted values of MROWNERCONFIG.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mrownerconfig: Vec<HexBytes<48>>,
    /// Accepted values of RTMR0: firmware configuration, Secure Boot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rtmr0: Vec<HexBytes<48>>,
    /// Accepted values of RTMR1: boot loader, kernel.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rtmr1: Vec<HexBytes<48>>,
    /// Accepted values of RTMR2: command line, initial ramdisk.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rtmr2: Vec<HexBytes<48>>,
    /// Accepted values of RTMR3: what runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rtmr3: Vec<HexBytes<48>>,
    /// Accepted digests of the program that our own event in RTMR3 names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<Digest32>,
    /// Rules for the events of the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<EventPolicy>,
    /// RTMRs, 0 to 3, that may stand elsewhere than the log leads: what is measured later without a log.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unlogged: BTreeSet<u8>,
}

/// Bits of TDATTRIBUTES that nothing is asked of unless it stands here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TdAttributes {
    /// Bit 16: single steps are noticed by counting instructions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icssd: Option<Demand>,
    /// Bit 27: linear address space separation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lass: Option<Demand>,
    /// Bit 30: protection keys for supervisor pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pks: Option<Demand>,
    /// Bit 31: Key Locker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kl: Option<Demand>,
    /// Bit 62: the TD provisions TDX Connect devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpa: Option<Demand>,
    /// Bit 63: performance counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perfmon: Option<Demand>,
}

impl Policy {
    pub(crate) fn validate(&self) -> Result<(), String> {
        self.tcb.validate()?;
        let named = self.events.iter().flat_map(EventPolicy::registers);
        let registers = named.chain(self.unlogged.iter().map(|rtmr| u32::from(*rtmr)));
        match registers.into_iter().find(|rtmr| *rtmr > 3) {
            Some(rtmr) => Err(format!("there is no RTMR{rtmr}")),
            None => Ok(()),
        }
    }

    /// Whether the register may stand elsewhere than a log leads.
    pub(super) fn lets_differ(&self, rtmr: u8) -> bool {
        self.unlogged.contains(&rtmr) && !self.speaks_of(rtmr)
    }

    /// Whether a rule about events needs the register.
    pub(super) fn speaks_of(&self, rtmr: u8) -> bool {
        let mut named = self.events.iter().flat_map(EventPolicy::registers);
        named.any(|named| named == u32::from(rtmr))
    }
}
