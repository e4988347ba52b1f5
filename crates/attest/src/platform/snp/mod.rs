//! AMD SEV-SNP machines. The report is that of the SNP firmware ABI (AMD 56860, §7.3), versions 2, 3 and 5; the
//! certificates those of the VCEK and VLEK specifications (AMD 57230, AMD 58369).

mod appraise;
mod bits;
mod chain;
mod evidence;
mod facts;
mod generation;
mod list;
mod policy;
mod report;
mod step;
mod tcb;
mod vek;
mod verify;

pub use bits::{GuestPolicyBit, PlatformInfoBit};
pub(crate) use evidence::{SnpEvidence, read_native, recognise};
pub use facts::Facts;
pub use generation::Generation;
pub use policy::{ChipId, Policy, TcbMinimum};
pub use report::{AttestationReport, FirmwareVersion, REPORT_BYTES};
pub(crate) use step::STEPS;
pub use tcb::Tcb;
pub use vek::{SigningKey, Vek};
