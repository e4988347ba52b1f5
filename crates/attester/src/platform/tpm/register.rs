//! Our register of the TPM's SHA-256 bank.

use strongroom_attest::event_log::runtime::WORKLOAD_PCR;
use strongroom_crypto::digest::sha256;

use crate::error::AttesterError;
use crate::platform::measured::Register;
use crate::tpm::{PcrSelection, Pcrs, Tpm};

/// [`WORKLOAD_PCR`].
pub(super) struct WorkloadPcr<'a>(pub(super) &'a mut Tpm);

impl WorkloadPcr<'_> {
    /// Its value among others.
    pub(super) fn among(pcrs: &Pcrs) -> &[u8] {
        let ours = pcrs.iter().find(|(index, _)| *index == WORKLOAD_PCR);
        ours.map_or(&[], |(_, value)| value.as_bytes())
    }
}

impl Register for WorkloadPcr<'_> {
    fn name(&self) -> &'static str {
        "PCR 13 (SHA-256 bank)"
    }

    fn value(&mut self) -> Result<Vec<u8>, AttesterError> {
        let pcrs = self.0.pcr_read(PcrSelection::none().and(WORKLOAD_PCR))?;
        Ok(Self::among(&pcrs).to_vec())
    }

    fn extend(&mut self, event: &[u8]) -> Result<(), AttesterError> {
        Ok(self.0.pcr_extend(WORKLOAD_PCR, &sha256(event))?)
    }

    fn after(&self, value: &[u8], event: &[u8]) -> Vec<u8> {
        sha256(&[value, sha256(event).as_bytes()].concat()).0.to_vec()
    }
}
