//! What engines are told once, before any model.

/// Settings of all engines.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Whether models come from somebody who does not trust the host: nothing of them may touch a disk, and libraries
    /// are taken by digest only.
    pub confidential: bool,
}
