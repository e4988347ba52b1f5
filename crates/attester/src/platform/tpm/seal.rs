//! The sealing key: an HMAC, by a key that is made inside the TPM for one policy over the registers, and that no
//! password opens.
//!
//! Nothing is stored, so nothing can be lost, swapped, or put there by somebody who knows it: a sealed blob in a folder
//! could be replaced by one with a key of an attacker's choice before the first use, and a TPM does not say of sealed
//! data where it came from. This key comes of the TPM's own seed and of its template, policy included.

use strongroom_attest::event_log::runtime::WORKLOAD_PCR;
use strongroom_crypto::label;
use strongroom_crypto::secret::SealKey;

use super::register::WorkloadPcr;
use crate::error::AttesterError;
use crate::platform::measured::Measurements;
use crate::tpm::{Handle, PcrSelection, Tpm, TpmError, pcr_policy, template};

/// Firmware, its configuration, boot loader, secure boot (0–7); command line, kernel and first file system, wherever boot
/// loader or stub measure them (8, 9, 11, 12); what this program measured; the keys of shim (14). Of a kernel that is not
/// in the policy the key could be asked by whoever boots it. Left out: 10, which grows with every file that IMA measures;
/// 15, where systemd notes disks and the machine's name as they come; and from 16 on what any program resets.
const SEALED: PcrSelection = PcrSelection::up_to(9).and(11).and(12).and(WORKLOAD_PCR).and(14);

/// The key for the registers' present values, which the TPM compares with its own. Ours holds what was measured.
pub(super) fn key(tpm: &mut Tpm, measurements: &Measurements) -> Result<SealKey, AttesterError> {
    let registers = tpm.pcr_read(SEALED)?;
    measurements.expect(&WorkloadPcr(tpm), WorkloadPcr::among(&registers))?;
    let template = template::sealing(&pcr_policy(SEALED, &registers));
    let bytes = tpm.with_primary(Handle::OWNER, &template, |tpm, key| {
        tpm.with_policy(|tpm, session| {
            tpm.policy_pcr(session, SEALED)?;
            tpm.hmac(key.handle, session, label::TPM_SEAL.as_bytes())
        })
    })?;
    SealKey::from_slice(bytes.expose()).map_err(|_| {
        AttesterError::from(TpmError::Malformed {
            command: "TPM2_HMAC",
            what: "it has not 32 bytes",
        })
    })
}
