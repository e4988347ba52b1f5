//! What may be asked of Intel SGX enclaves, beside what may be asked of every platform.

use serde::{Deserialize, Serialize};

use crate::hex_bytes::HexBytes;
use crate::platform::dcap::{Demand, HardwarePolicy, TcbPolicy};

/// The policy; its default is the strict one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// How well the platform has to be patched.
    pub tcb: TcbPolicy,
    /// Which machines are accepted.
    pub hardware: HardwarePolicy,
    /// Least CPUSVN of the platform as its PCK certificate states it, component by component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_svn_min: Option<HexBytes<16>>,
    /// Least PCESVN of the platform as its PCK certificate states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pce_svn_min: Option<u16>,
    /// What ATTRIBUTES and MISCSELECT have to be.
    pub attributes: Attributes,
    /// Accepted values of CONFIGID, with key separation and sharing. Empty: any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config_ids: Vec<HexBytes<64>>,
    /// Least CONFIGSVN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_svn_min: Option<u16>,
    /// Accepted values of ISVFAMILYID. Empty: any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub family_ids: Vec<HexBytes<16>>,
    /// Accepted values of ISVEXTPRODID. Empty: any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extended_product_ids: Vec<HexBytes<16>>,
}

/// What the enclave's attributes have to be. Debug mode is not among them: only a manifest's package can accept it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attributes {
    /// The enclave may derive provisioning keys, which tell machines apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provision_key: Option<Demand>,
    /// The enclave may derive the key that launch tokens are made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub einittoken_key: Option<Demand>,
    /// Key separation and sharing: without it CONFIGID and its like are zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kss: Option<Demand>,
    /// ATTRIBUTES under a mask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Masked<16>>,
    /// MISCSELECT under a mask, little-endian.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misc_select: Option<Masked<4>>,
}

/// A value of which only the bits of a mask count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masked<const N: usize> {
    /// What the bits have to be.
    pub value: HexBytes<N>,
    /// The bits that count.
    pub mask: HexBytes<N>,
}

impl Policy {
    pub(crate) fn validate(&self) -> Result<(), String> {
        self.tcb.validate()
    }
}
