//! TPM 2.0 measured boot: quotes (TPM 2.0 Library, Parts 1 and 2; TCG PC Client Platform Firmware Profile 1.06).
//!
//! A TPM vouches for what was measured, and hides no memory from the host: its protection is
//! [`IntegrityOnly`](crate::Protection::IntegrityOnly). What it vouches for is a chain:
//!
//! 1. The TPM's maker, or a cloud, certifies an endorsement key.
//! 2. Enrolment shows that an attestation key lives beside it; a certificate or a pin says so from then on ([`vouch`]).
//! 3. The attestation key signs the values of registers: a quote.
//! 4. Event logs lead to these values, and say what was measured.
//! 5. PCR 13 holds program and workload, measured by Strongroom before it ran them.
//!
//! **What is the measurement.** Where the event log has our own events, the program's digest in PCR 13. Where it has none,
//! SHA-256 over `TPMS_QUOTE_INFO`: the selection of registers and the digest of their values, as they were signed.

mod appraise;
pub mod attest;
mod certificate;
mod chain;
pub mod enrolment;
mod evidence;
mod facts;
mod key;
mod log;
pub(crate) mod native;
mod pcrs;
mod policy;
pub mod public;
mod signature;
pub(crate) mod step;
mod verify;
mod vouch;
mod wire;

pub use certificate::{ATTESTATION_KEY_USAGE, ENDORSEMENT_KEY_USAGE};
pub use enrolment::{EndorsementKey, EnrolmentError, EnrolmentExtension};
pub(crate) use evidence::TpmEvidence;
pub use facts::{Facts, WentBack};
pub use key::{AttestationKeyPublic, KeyError, KnownKey};
pub use pcrs::Pcrs;
pub use policy::{Accepted, Pcr, Policy};
pub use signature::Signature;
pub use vouch::Voucher;

use crate::reference::Fields;
use crate::report::Report;

impl Facts {
    /// The checks of steps 9 and 10 that only this platform has.
    pub(crate) fn appraise(&self, expected: &Fields, report: &mut Report) {
        appraise::appraise(self, &expected.tpm.clone().unwrap_or_default(), report);
    }

    fn quoted_ranges(&self) -> String {
        let pcrs: Vec<u8> = self.pcrs.iter().map(|(pcr, _)| pcr).collect();
        attest::ranges(&pcrs)
    }
}
