//! Flags that engines read.

use super::{Flags, Mode};
use crate::engine::EngineOptions;

pub(super) fn options(_flags: &Flags, mode: Mode) -> EngineOptions {
    EngineOptions {
        confidential: mode == Mode::Confidential,
    }
}
