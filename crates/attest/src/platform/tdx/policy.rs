//! What may be asked of Intel TDX machines, beside what may be asked of every platform.

use serde::{Deserialize, Serialize};

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
        self.tcb.validate()
    }
}
