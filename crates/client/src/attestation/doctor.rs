//! What this machine could attest with.

use serde::Serialize;
use strongroom_attester::{LOOKED_FOR, TeeChoice, detect};

/// What was looked for, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doctor {
    /// Devices and files by which platforms are known, and whether each is there.
    pub looked_for: Vec<Sign>,
    /// Whether a program started on this machine could attest.
    pub usable: bool,
    /// Why not, where it could not.
    pub reason: Option<String>,
}

/// One sign of a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sign {
    /// Where it would be.
    pub path: &'static str,
    /// The platform that it stands for.
    pub platform: String,
    /// Whether it is there.
    pub present: bool,
}

/// Looks at this machine. The simulated platform is never found: it has to be asked for by name.
#[must_use]
pub fn doctor() -> Doctor {
    let sign = |(path, platform): &(&'static str, strongroom_attest::Platform)| Sign {
        path,
        platform: platform.to_string(),
        present: std::path::Path::new(path).exists(),
    };
    let reason = detect(&TeeChoice::Auto).err().map(|error| error.to_string());
    Doctor {
        looked_for: LOOKED_FOR.iter().map(sign).collect(),
        usable: reason.is_none(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_is_told_and_the_simulation_is_never_found() {
        let doctor = doctor();
        assert_eq!(doctor.looked_for.len(), LOOKED_FOR.len());
        assert!(doctor.looked_for.iter().all(|sign| sign.platform != "software"));
        assert_eq!(doctor.usable, doctor.reason.is_none());
    }
}
