//! Which platform this machine has. Hardware is found by its devices; the simulated platform is only ever asked for by
//! name. Nothing falls back to anything.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_attest::Platform;

use crate::attester::Attester;
use crate::error::AttesterError;

/// What shows that a machine has a platform, in the order in which it is looked for.
pub const LOOKED_FOR: &[(&str, Platform)] = &[
    ("/dev/sgx_enclave", Platform::Sgx),
    ("/dev/tdx_guest", Platform::Tdx),
    ("/dev/sev-guest", Platform::Snp),
    ("/sys/kernel/config/tsm/report", Platform::Tdx),
    ("/dev/tpmrm0", Platform::Tpm),
];

/// Which platform a program is told to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeeChoice {
    /// This machine's hardware.
    Auto,
    /// The simulated platform, at its socket.
    Software {
        /// The simulator's Unix socket.
        socket: PathBuf,
    },
}

impl TeeChoice {
    /// The environment variable that names the simulator's socket.
    pub const SOCKET_VARIABLE: &'static str = "STRONGROOM_SIMULATOR_SOCKET";

    /// The choice that flags make: `--tee software` with `--simulator-socket`, or nothing for hardware. A socket alone
    /// chooses nothing.
    ///
    /// # Errors
    /// [`AttesterError::UnknownChoice`], [`AttesterError::NoSocket`].
    pub fn from_flags(tee: Option<&str>, socket: Option<PathBuf>) -> Result<Self, AttesterError> {
        match (tee, socket) {
            (None, _) => Ok(Self::Auto),
            (Some("software"), Some(socket)) => Ok(Self::Software { socket }),
            (Some("software"), None) => Err(AttesterError::NoSocket),
            (Some(other), _) => Err(AttesterError::UnknownChoice(other.to_owned())),
        }
    }
}

/// The attester of the platform that was chosen.
///
/// # Errors
/// [`AttesterError::NoPlatform`] says what was looked for; [`AttesterError::NotBuiltIn`] what was found and cannot be used.
pub fn detect(choice: &TeeChoice) -> Result<Arc<dyn Attester>, AttesterError> {
    match choice {
        TeeChoice::Auto => detect_hardware(Path::new("/")),
        TeeChoice::Software { socket } => software(socket),
    }
}

/// `root` is `/`, but in tests.
fn detect_hardware(root: &Path) -> Result<Arc<dyn Attester>, AttesterError> {
    let present = |device: &str| root.join(device.trim_start_matches('/')).exists();
    match LOOKED_FOR.iter().find(|(device, _)| present(device)) {
        Some((device, platform)) => Err(AttesterError::NotBuiltIn {
            platform: *platform,
            device: (*device).to_owned(),
        }),
        None => {
            let devices: Vec<&str> = LOOKED_FOR.iter().map(|(device, _)| *device).collect();
            Err(AttesterError::NoPlatform {
                looked_for: devices.join(", "),
            })
        }
    }
}

#[cfg(feature = "simulation")]
fn software(socket: &Path) -> Result<Arc<dyn Attester>, AttesterError> {
    let marker = strongroom_attest::platform::software::SIMULATION_MARKER;
    tracing::warn!(platform = marker, socket = %socket.display(), "SIMULATED platform: it protects nothing");
    Ok(Arc::new(crate::platform::software::SoftwareAttester::new(socket)))
}

#[cfg(not(feature = "simulation"))]
fn software(socket: &Path) -> Result<Arc<dyn Attester>, AttesterError> {
    Err(AttesterError::NotBuiltIn {
        platform: Platform::Software,
        device: socket.display().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_hardware_says_what_was_looked_for_and_falls_back_to_nothing() {
        let empty = tempfile::tempdir().expect("a temporary directory");
        let error = detect_hardware(empty.path()).expect_err("there is no hardware");
        assert_eq!(error.code(), "attester.no_platform");
        for (device, _) in LOOKED_FOR {
            assert!(error.to_string().contains(device), "{error} names {device}");
        }
    }

    #[test]
    fn hardware_that_is_not_built_in_is_named() {
        let machine = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(machine.path().join("dev")).expect("a folder");
        std::fs::write(machine.path().join("dev/sev-guest"), b"").expect("a file");
        let error = detect_hardware(machine.path()).expect_err("not built in");
        assert_eq!(error.code(), "attester.not_built_in");
        assert!(
            error.to_string().contains("/dev/sev-guest (platform snp)"),
            "{error}"
        );
    }

    #[test]
    fn flags_choose_the_simulation_by_name_only() {
        let socket = || Some(PathBuf::from("/run/simulator.sock"));
        let chosen = |tee, socket| TeeChoice::from_flags(tee, socket).map_err(|error| error.code());
        assert_eq!(chosen(None, None), Ok(TeeChoice::Auto));
        assert_eq!(
            chosen(None, socket()),
            Ok(TeeChoice::Auto),
            "a socket alone chooses nothing"
        );
        let software = TeeChoice::Software {
            socket: "/run/simulator.sock".into(),
        };
        assert_eq!(chosen(Some("software"), socket()), Ok(software));
        assert_eq!(chosen(Some("software"), None), Err("attester.choice"));
        assert_eq!(chosen(Some("Software"), socket()), Err("attester.choice"));
        assert_eq!(chosen(Some("auto"), socket()), Err("attester.choice"));
    }

    #[cfg(not(feature = "simulation"))]
    #[test]
    fn a_build_without_simulation_refuses_it() {
        let choice = TeeChoice::Software {
            socket: "/run/simulator.sock".into(),
        };
        let error = detect(&choice).expect_err("not built in");
        assert_eq!(error.code(), "attester.not_built_in");
    }
}
