//! TPMs, against a real software TPM and a recorded one.

mod attester;
mod commands;
mod recorded;
mod swtpm;
mod verified;
