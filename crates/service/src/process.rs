//! Hardening of the own process: what would write its memory somewhere else is switched off.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// No core file is ever written of this process or its children: the limit is set for good.
///
/// # Errors
/// When the kernel refuses the limit.
pub fn forbid_core_dumps() -> io::Result<()> {
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    Ok(())
}

/// Processes of the same user can neither trace this process nor read `/proc/PID/{mem,environ,exe}`.
///
/// Not under the software platform: its simulator measures by `/proc/PID/exe`.
///
/// # Errors
/// When the kernel refuses.
pub fn forbid_inspection() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}
