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

/// Firmware, its configuration, boot loader, secure boot, and what this program measured. Kernel and command line are
/// measured into 8, 9, 11 and 12 in ways that differ from one system to the next: they are for policies on evidence.
const SEALED: PcrSelection = PcrSelection::up_to(7).and(WORKLOAD_PCR);

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
