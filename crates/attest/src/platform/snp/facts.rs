//! What a report and its certificate say of a machine and a guest, beside what every platform says.

use serde::Serialize;
use strongroom_crypto::time::UnixTime;

use super::generation::Generation;
use super::report::{AttestationReport, FirmwareVersion};
use super::tcb::Tcb;
use super::vek::{SigningKey, Vek};
use crate::hex_bytes::HexBytes;

/// Facts about an SEV-SNP guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Version of the report.
    pub report_version: u32,
    /// Generation of the processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// What kind of key signed the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<SigningKey>,
    /// The chip; zero where a VLEK signed, or the host masks it.
    pub chip_id: HexBytes<64>,
    /// The cloud provider and region that a VLEK was loaded for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csp_id: Option<String>,
    /// The privilege level that asked for the report, chosen by whoever asks inside the guest.
    pub vmpl: u32,
    /// The guest policy, 64 bits.
    pub guest_policy: u64,
    /// The platform information, 64 bits.
    pub platform_info: u64,
    /// Whether the firmware was told not to sign with the chip's key.
    pub mask_chip_key: bool,
    /// Bits without a name beside it; reserved, and zero today.
    #[serde(skip_serializing_if = "is_zero")]
    pub unknown_key_flags: u32,
    /// The TCB version that the signing key is derived from.
    pub reported_tcb: Tcb,
    /// The TCB version in force, perhaps provisional.
    pub current_tcb: Tcb,
    /// The TCB version that the host cannot go back behind.
    pub committed_tcb: Tcb,
    /// The TCB version when the guest was launched or imported.
    pub launch_tcb: Tcb,
    /// SNP firmware in force.
    pub current_firmware: FirmwareVersion,
    /// SNP firmware that the host cannot go back behind.
    pub committed_firmware: FirmwareVersion,
    /// Mitigations in force at launch, a bit for each; from report version 5 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launch_mitigations: Option<u64>,
    /// Mitigations in force now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_mitigations: Option<u64>,
    /// What the host gave at launch.
    pub host_data: HexBytes<32>,
    /// The family that the guest's owner gave the image.
    pub family_id: HexBytes<16>,
    /// The id that the guest's owner gave the image.
    pub image_id: HexBytes<16>,
    /// The image's security version.
    pub guest_svn: u32,
    /// SHA-384 of the key that signed the ID block; zero without one.
    pub id_key_digest: HexBytes<48>,
    /// SHA-384 of the key that certified the ID key, where the report gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author_key_digest: Option<HexBytes<48>>,
    /// The guest, from its launch to its end.
    pub report_id: HexBytes<32>,
    /// When the newest revocation list was made that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crl_this_update: Option<UnixTime>,
}

impl Facts {
    /// Collects what `report` says. Its TCB versions are read as those of `generation`, and where that is unknown as those
    /// of the oldest: then a check has failed already.
    pub(super) fn of(
        report: &AttestationReport,
        generation: Option<Generation>,
        vek: Option<&Vek>,
        listed_at: Option<UnixTime>,
    ) -> Self {
        let tcb = |bytes| Tcb::read(bytes, generation.unwrap_or(Generation::Milan));
        Self {
            report_version: report.version(),
            generation,
            signing_key: SigningKey::of_report(report.signing_key()),
            chip_id: report.chip_id(),
            csp_id: vek.and_then(|vek| vek.csp_id.clone()),
            vmpl: report.vmpl(),
            guest_policy: report.guest_policy(),
            platform_info: report.platform_info(),
            mask_chip_key: report.masks_chip_key(),
            unknown_key_flags: report.unknown_key_flags(),
            reported_tcb: tcb(report.reported_tcb()),
            current_tcb: tcb(report.current_tcb()),
            committed_tcb: tcb(report.committed_tcb()),
            launch_tcb: tcb(report.launch_tcb()),
            current_firmware: report.current_firmware(),
            committed_firmware: report.committed_firmware(),
            launch_mitigations: report.mitigations().map(|(launch, _)| launch),
            current_mitigations: report.mitigations().map(|(_, current)| current),
            host_data: report.host_data(),
            family_id: report.family_id(),
            image_id: report.image_id(),
            guest_svn: report.guest_svn(),
            id_key_digest: report.id_key_digest(),
            author_key_digest: report.has_author_key().then(|| report.author_key_digest()),
            report_id: report.report_id(),
            crl_this_update: listed_at,
        }
    }
}

fn is_zero(flags: &u32) -> bool {
    *flags == 0
}
