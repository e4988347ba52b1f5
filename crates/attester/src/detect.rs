//! Which platform this machine has. Hardware is found by its devices; the simulated platform is only ever asked for by
//! name. Nothing falls back to anything: what was found first and cannot be used is an error, whatever else is there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_attest::Platform;

use crate::attester::Attester;
use crate::error::AttesterError;
use crate::platform::sgx::SgxAttester;
use crate::platform::snp::SnpAttester;
use crate::platform::tdx::TdxAttester;
use crate::platform::tpm::{Settings, TpmAttester};
use crate::survey::{Finding, survey};
use crate::tpm::TpmAddress;

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
    /// A TPM 2.0.
    Tpm {
        /// Where it is.
        at: TpmAddress,
    },
    /// The enclave that the program runs in.
    Sgx,
    /// The TD that the program runs in.
    Tdx,
    /// The SEV-SNP guest that the program runs in.
    Snp,
}

impl TeeChoice {
    /// The environment variable that names the simulator's socket.
    pub const SOCKET_VARIABLE: &'static str = "STRONGROOM_SIMULATOR_SOCKET";
    /// The environment variable that says where the TPM is.
    pub const TPM_VARIABLE: &'static str = "STRONGROOM_TPM";

    /// The choice that flags make: `--tee software` with `--simulator-socket`; `--tee tpm`, with `--tpm` where it is not
    /// the kernel's device; another platform by its name; or nothing for what this machine has. A socket or an address
    /// alone chooses nothing.
    ///
    /// # Errors
    /// [`AttesterError::UnknownChoice`], [`AttesterError::NoSocket`].
    pub fn from_flags(
        tee: Option<&str>,
        socket: Option<PathBuf>,
        tpm: Option<TpmAddress>,
    ) -> Result<Self, AttesterError> {
        match (tee, socket) {
            (None, _) => Ok(Self::Auto),
            (Some("software"), Some(socket)) => Ok(Self::Software { socket }),
            (Some("software"), None) => Err(AttesterError::NoSocket),
            (Some("tpm"), _) => Ok(Self::Tpm {
                at: tpm.unwrap_or_default(),
            }),
            (Some("sgx"), _) => Ok(Self::Sgx),
            (Some("tdx"), _) => Ok(Self::Tdx),
            (Some("snp"), _) => Ok(Self::Snp),
            (Some(other), _) => Err(AttesterError::UnknownChoice(other.to_owned())),
        }
    }
}

/// The attester of the platform that was chosen. Where the platform has a register for it, the running program is
/// measured into it: to look without a trace, use [`survey`]. Blocks.
///
/// # Errors
/// [`AttesterError::NoPlatform`] says what was looked for; [`AttesterError::NotUsable`] what was found and cannot be used;
/// others what a device answered.
pub fn detect(choice: &TeeChoice) -> Result<Arc<dyn Attester>, AttesterError> {
    match choice {
        TeeChoice::Auto => {
            let found = first(survey(Path::new("/")))?;
            tracing::info!(platform = %found.platform, path = found.path, "found");
            hardware(found.platform, TpmAddress::default())
        }
        TeeChoice::Software { socket } => software(socket),
        TeeChoice::Tpm { at } => hardware(Platform::Tpm, at.clone()),
        TeeChoice::Sgx => hardware(Platform::Sgx, TpmAddress::default()),
        TeeChoice::Tdx => hardware(Platform::Tdx, TpmAddress::default()),
        TeeChoice::Snp => hardware(Platform::Snp, TpmAddress::default()),
    }
}

/// The first thing that is there, if it can be used.
fn first(findings: Vec<Finding>) -> Result<Finding, AttesterError> {
    let looked_for: Vec<&str> = findings.iter().map(|finding| finding.path).collect();
    let looked_for = looked_for.join(", ");
    match findings.into_iter().find(|finding| finding.present) {
        Some(found) if found.usable => Ok(found),
        Some(found) => Err(AttesterError::NotUsable {
            platform: found.platform,
            path: found.path,
            why: found.explanation,
        }),
        None => Err(AttesterError::NoPlatform { looked_for }),
    }
}

fn hardware(platform: Platform, tpm: TpmAddress) -> Result<Arc<dyn Attester>, AttesterError> {
    match platform {
        Platform::Sgx => Ok(Arc::new(SgxAttester::start()?)),
        Platform::Tdx => Ok(Arc::new(TdxAttester::start()?)),
        Platform::Snp => Ok(Arc::new(SnpAttester::start()?)),
        Platform::Tpm => Ok(Arc::new(TpmAttester::start(Settings::at(tpm))?)),
        other => Err(AttesterError::NotBuiltIn {
            platform: other,
            device: other.to_string(),
        }),
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

    fn found(paths: &[&str]) -> Result<Platform, AttesterError> {
        let machine = tempfile::tempdir().expect("a temporary directory");
        for path in paths {
            let path = machine.path().join(path.trim_start_matches('/'));
            std::fs::create_dir_all(path.parent().expect("in a folder")).expect("folders");
            std::fs::write(path, b"x").expect("a file");
        }
        first(survey(machine.path())).map(|found| found.platform)
    }

    #[test]
    fn without_hardware_says_what_was_looked_for_and_falls_back_to_nothing() {
        let error = found(&[]).expect_err("there is no hardware");
        assert_eq!(error.code(), "attester.no_platform");
        for device in [
            "/dev/attestation",
            "/dev/sgx_enclave",
            "/dev/tdx_guest",
            "/dev/sev-guest",
            "/dev/tpmrm0",
        ] {
            assert!(error.to_string().contains(device), "{error} names {device}");
        }
    }

    #[test]
    fn what_protects_more_is_found_first_and_its_failing_is_no_reason_to_take_less() {
        assert_eq!(found(&["/dev/tpmrm0"]).expect("usable"), Platform::Tpm);
        assert_eq!(
            found(&["/dev/sev-guest", "/dev/tpmrm0"]).expect("usable"),
            Platform::Snp
        );
        let error = found(&["/dev/tdx_guest", "/dev/tpmrm0"]).expect_err("no reports");
        assert_eq!(error.code(), "attester.not_usable");
        assert!(
            error.to_string().contains("/dev/tdx_guest (platform tdx)"),
            "{error}"
        );
        assert_eq!(
            found(&["/dev/sgx_enclave"]).expect_err("in no enclave").code(),
            "attester.not_usable"
        );
    }

    #[test]
    fn flags_choose_by_name_only() {
        let socket = || Some(PathBuf::from("/run/simulator.sock"));
        let address = || Some(TpmAddress::Tcp("localhost:2321".to_owned()));
        let chosen = |tee, socket, tpm| TeeChoice::from_flags(tee, socket, tpm).map_err(|error| error.code());
        assert_eq!(chosen(None, None, None), Ok(TeeChoice::Auto));
        assert_eq!(
            chosen(None, socket(), address()),
            Ok(TeeChoice::Auto),
            "a socket or an address alone chooses nothing"
        );
        let software = TeeChoice::Software {
            socket: "/run/simulator.sock".into(),
        };
        assert_eq!(chosen(Some("software"), socket(), None), Ok(software));
        assert_eq!(chosen(Some("software"), None, address()), Err("attester.choice"));
        let device = TeeChoice::Tpm {
            at: TpmAddress::default(),
        };
        assert_eq!(chosen(Some("tpm"), socket(), None), Ok(device));
        let there = TeeChoice::Tpm {
            at: TpmAddress::Tcp("localhost:2321".to_owned()),
        };
        assert_eq!(chosen(Some("tpm"), None, address()), Ok(there));
        for (name, choice) in [
            ("sgx", TeeChoice::Sgx),
            ("tdx", TeeChoice::Tdx),
            ("snp", TeeChoice::Snp),
        ] {
            assert_eq!(chosen(Some(name), None, None), Ok(choice));
        }
        for other in ["Software", "auto", "sev", ""] {
            assert_eq!(chosen(Some(other), socket(), address()), Err("attester.choice"));
        }
    }

    #[test]
    fn what_is_named_and_not_there_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let at = TpmAddress::Path(folder.path().join("tpm"));
        let error = detect(&TeeChoice::Tpm { at }).expect_err("no TPM");
        assert_eq!(error.code(), "attester.unreachable");
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
