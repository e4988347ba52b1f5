//! TPMs, against a real software TPM.

mod attester;
mod commands;
mod swtpm;
