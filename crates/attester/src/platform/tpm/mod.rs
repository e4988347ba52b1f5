//! TPM 2.0: measured boot, and this program measured on top of it.
//!
//! The TPM vouches for what was measured into it, by whomever. Firmware, boot loader and kernel measure what they start;
//! this program goes on with itself and its workload. It hides no memory from the host, and whoever reaches the TPM
//! before this program does can extend the digests that are expected of it: only what was measured *before*, firmware
//! to kernel, says that nobody else could. A policy that asks for no measured boot trusts whoever reaches the TPM.
//!
//! - **Evidence**: a quote of PCRs 0–15 of the SHA-256 bank by a restricted key, the log of what went into them, the
//!   certificates that enrolment brought. The quote carries SHA-256 of the report data: 64 bytes do not fit into every
//!   TPM (`TPM2B_DATA` ends at 50 where SHA-384 is the longest hash). The evidence carries the 64 bytes beside it.
//! - **Sealing key**: computed inside the TPM under a policy over PCRs 0–9, 11, 12, 14 and ours. Another firmware, boot
//!   loader, kernel, command line, program or workload get another key, on every machine: after an update of one of them,
//!   state opens with a recovery secret.
//! - **Counters**: NV counters, which no command sets back. Whoever reaches the TPM can step one, or, as the owner,
//!   remove it; then it begins above every value that it had. State behind its counter is refused either way.

mod attester;
mod counter;
mod identity;
mod quote;
mod register;
mod seal;

pub use attester::{Settings, TpmAttester};
pub use quote::TpmQuote;
