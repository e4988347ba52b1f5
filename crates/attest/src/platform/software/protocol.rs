//! What a program and the simulator say to each other: frames of a u32 big-endian length and JSON, one exchange for
//! each connection: [`Hello`], [`Request`], [`Response`]. The simulator learns who asks from the kernel, never from here.

use serde::{Deserialize, Serialize};
use strongroom_crypto::digest::Digest32;

/// Largest frame, in bytes: a workload description of [`DESCRIPTION_BYTES_MAX`] in base64 fits.
pub const FRAME_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Largest workload description, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 1024 * 1024;
/// Longest name of a counter, in bytes.
pub const COUNTER_NAME_BYTES_MAX: usize = 64;

/// The simulator's first words, after it measured whoever connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`super::SIMULATION_MARKER`].
    pub platform: String,
    /// To be repeated in the request: what was sent before the measurement answers nothing.
    pub challenge: Digest32,
}

/// What a program asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The challenge of the hello.
    pub challenge: Digest32,
    /// The question.
    pub operation: Operation,
}

/// The questions there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Evidence of the caller.
    Evidence {
        /// 64 bytes in base64.
        report_data: String,
        /// The workload description in base64; the simulator computes its digest.
        description: Option<String>,
    },
    /// The caller's sealing key.
    SealKey,
    /// The value of the caller's counter of that name; 0 before its first step.
    CounterRead {
        /// Name of the counter.
        name: String,
    },
    /// One step of the caller's counter of that name, on stable storage before the answer.
    CounterAdvance {
        /// Name of the counter.
        name: String,
    },
}

/// The answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Response {
    /// An envelope in base64.
    Evidence(String),
    /// 32 bytes in base64. A secret: no `Debug` for this type.
    SealKey(String),
    /// A counter's value.
    Counter(u64),
    /// A refusal, in a sentence.
    Refused(String),
}

/// Whether a counter may have this name: lower-case letters, digits, `-`, `_` and `.`, at most
/// [`COUNTER_NAME_BYTES_MAX`].
#[must_use]
pub fn is_counter_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    !name.is_empty() && name.len() <= COUNTER_NAME_BYTES_MAX && name.bytes().all(allowed)
}
