//! What may be asked of AMD SEV-SNP machines, beside what may be asked of every platform.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::bits::{Asked, GuestPolicyBit, PlatformInfoBit, mask};
use super::generation::Generation;
use super::report::FirmwareVersion;
use super::tcb::Tcb;
use super::vek::SigningKey;
use crate::hex_bytes::HexBytes;

/// The policy; its default is the strict one. An empty list asks nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Accepted privilege levels of whoever asked for the report, 0 to 3; 0 alone unless said otherwise.
    pub vmpl: Vec<u32>,
    /// Accepted kinds of signing key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<SigningKey>,
    /// Accepted chips. A report that a VLEK signed names none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chip_ids: Vec<ChipId>,
    /// Accepted cloud providers and regions, as VLEK certificates write them. Where chips are listed as well, those hold
    /// for VCEKs and these for VLEKs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub csp_ids: Vec<String>,
    /// Generations of processors that are refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub denied_generations: Vec<Generation>,
    /// Least TCB version by generation, for the reported, the committed and the launch version alike. Where any
    /// generation stands here, others are refused.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tcb_min: BTreeMap<Generation, TcbMinimum>,
    /// Least committed version of the SNP firmware.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware_min: Option<FirmwareVersion>,
    /// Whether firmware is refused that is newer than the committed version.
    #[serde(skip_serializing_if = "is_false")]
    pub refuse_provisional_firmware: bool,
    /// Mitigations that must be in force at launch and now: a mask of the report's vectors.
    #[serde(skip_serializing_if = "is_zero")]
    pub required_mitigations: u64,
    /// Bits that the guest policy must have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_guest_policy: Vec<GuestPolicyBit>,
    /// Bits that the guest policy must not have, beside `debug` and `migrate_ma`, which have checks of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forbidden_guest_policy: Vec<GuestPolicyBit>,
    /// Bits that the platform information must have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_platform_info: Vec<PlatformInfoBit>,
    /// Bits that the platform information must not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forbidden_platform_info: Vec<PlatformInfoBit>,
    /// Whether bits are refused that have no name here.
    #[serde(skip_serializing_if = "is_false")]
    pub refuse_unknown_bits: bool,
    /// Accepted host data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host_data: Vec<HexBytes<32>>,
    /// Accepted families of images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub family_ids: Vec<HexBytes<16>>,
    /// Accepted images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_ids: Vec<HexBytes<16>>,
    /// Least security version of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_svn_min: Option<u32>,
    /// Accepted keys that sign ID blocks, SHA-384.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub id_key_digests: Vec<HexBytes<48>>,
    /// Accepted keys that certify ID keys, SHA-384.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub author_key_digests: Vec<HexBytes<48>>,
    /// Accepted guests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub report_ids: Vec<HexBytes<32>>,
    /// Greatest age of the newest revocation list, in days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crl_age_days_max: Option<u32>,
}

/// The id of a chip: 64 bytes, or the 8 that Turin has, which reports follow with zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ChipId(pub HexBytes<64>);

/// Least security versions; what is left out is not asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TcbMinimum {
    /// Of the FPGA or microcontroller firmware; Turin only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fmc: Option<u8>,
    /// Of the boot loader.
    pub bootloader: u8,
    /// Of the secure processor's operating system.
    pub tee: u8,
    /// Of the SNP firmware.
    pub snp: u8,
    /// Of the microcode.
    pub microcode: u8,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            vmpl: vec![0],
            signing_keys: Vec::new(),
            chip_ids: Vec::new(),
            csp_ids: Vec::new(),
            denied_generations: Vec::new(),
            tcb_min: BTreeMap::new(),
            firmware_min: None,
            refuse_provisional_firmware: false,
            required_mitigations: 0,
            required_guest_policy: Vec::new(),
            forbidden_guest_policy: Vec::new(),
            required_platform_info: Vec::new(),
            forbidden_platform_info: Vec::new(),
            refuse_unknown_bits: false,
            host_data: Vec::new(),
            family_ids: Vec::new(),
            image_ids: Vec::new(),
            guest_svn_min: None,
            id_key_digests: Vec::new(),
            author_key_digests: Vec::new(),
            report_ids: Vec::new(),
            crl_age_days_max: None,
        }
    }
}

/// Highest privilege level number of a guest.
pub(super) const VMPL_MAX: u32 = 3;

impl Policy {
    /// Refuses what nothing could meet, or what looks like a restriction and is none.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn validate(&self) -> Result<(), String> {
        if self.vmpl.is_empty() {
            return Err("it accepts no VMPL at all".to_owned());
        }
        if let Some(level) = self.vmpl.iter().find(|level| **level > VMPL_MAX) {
            return Err(format!("there is no VMPL {level}: they go from 0 to {VMPL_MAX}"));
        }
        let signs = |key| self.signing_keys.is_empty() || self.signing_keys.contains(&key);
        if !self.chip_ids.is_empty() && !signs(SigningKey::Vcek) {
            return Err("it lists chips, and accepts only VLEKs, which name none".to_owned());
        }
        if !self.csp_ids.is_empty() && !signs(SigningKey::Vlek) {
            return Err("it lists providers, and accepts only VCEKs, which name none".to_owned());
        }
        if self.chip_ids.iter().any(|id| id.0.is_zero()) {
            return Err("a chip id of zeros is that of every chip whose host masks it".to_owned());
        }
        let older = |(generation, minimum): &(&Generation, &TcbMinimum)| {
            **generation != Generation::Turin && minimum.fmc.is_some()
        };
        if let Some((generation, _)) = self.tcb_min.iter().find(older) {
            return Err(format!("{generation} has no FMC to ask a version of"));
        }
        let (policy, info) = (self.asked_of_guest_policy(), self.asked_of_platform_info());
        if policy.required & policy.forbidden != 0 || info.required & info.forbidden != 0 {
            return Err("it requires and forbids the same bit".to_owned());
        }
        let judged_apart = [GuestPolicyBit::Debug, GuestPolicyBit::MigrateMa];
        if judged_apart
            .iter()
            .any(|bit| self.required_guest_policy.contains(bit))
        {
            return Err("it requires debug or migrate_ma in the guest policy, which are refused".to_owned());
        }
        Ok(())
    }

    pub(super) fn asked_of_guest_policy(&self) -> Asked {
        Asked {
            required: mask(self.required_guest_policy.iter().map(|bit| bit.number())),
            forbidden: mask(self.forbidden_guest_policy.iter().map(|bit| bit.number())),
            named_only: self.refuse_unknown_bits,
        }
    }

    pub(super) fn asked_of_platform_info(&self) -> Asked {
        Asked {
            required: mask(self.required_platform_info.iter().map(|bit| bit.number())),
            forbidden: mask(self.forbidden_platform_info.iter().map(|bit| bit.number())),
            named_only: self.refuse_unknown_bits,
        }
    }
}

impl TcbMinimum {
    /// The minimum as a version, to compare with one of a generation that has an FMC or not.
    pub(super) fn beside(&self, other: &Tcb) -> Tcb {
        Tcb {
            fmc: other.fmc.map(|_| self.fmc.unwrap_or(0)),
            bootloader: self.bootloader,
            tee: self.tee,
            snp: self.snp,
            microcode: self.microcode,
        }
    }
}

impl<'de> Deserialize<'de> for ChipId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || {
            serde::de::Error::custom(
                "a chip id has 64 bytes, or 8 from Turin on, two hexadecimal digits each",
            )
        };
        let id = hex::decode(&text).map_err(|_| wrong())?;
        if id.len() != 64 && id.len() != 8 {
            return Err(wrong());
        }
        let mut bytes = [0; 64];
        bytes[..id.len()].copy_from_slice(&id);
        Ok(Self(HexBytes(bytes)))
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(mask: &u64) -> bool {
    *mask == 0
}
