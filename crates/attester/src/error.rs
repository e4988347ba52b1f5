//! Why a platform gives nothing.

use std::io;
use std::path::PathBuf;

use strongroom_attest::{ParseError, Platform};
use strongroom_crypto::digest::Digest32;

use crate::tpm::TpmError;

/// A platform is not there, or does not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttesterError {
    /// This machine has no platform that the program can use.
    #[error(
        "no trusted execution environment found: looked for {looked_for}. There is no fallback; `--tee software` \
         asks for the simulated platform, which protects nothing"
    )]
    NoPlatform {
        /// Every path that was tried.
        looked_for: String,
    },
    /// The machine has a platform, and this program cannot use it.
    #[error("found {device} (platform {platform}), but platform {platform} is not built into this program")]
    NotBuiltIn {
        /// The platform.
        platform: Platform,
        /// What was found, or asked for.
        device: String,
    },
    /// The machine has a platform, and something is missing.
    #[error("found {path} (platform {platform}): {why}")]
    NotUsable {
        /// The platform.
        platform: Platform,
        /// What was found.
        path: &'static str,
        /// What is missing, and what to do.
        why: String,
    },
    /// The simulated platform was asked for without its socket.
    #[error("--tee software needs the simulator's socket: --simulator-socket or STRONGROOM_SIMULATOR_SOCKET")]
    NoSocket,
    /// A choice that does not exist.
    #[error(
        "--tee {0:?} is no choice: leave it out to use this machine's hardware, or say `sgx`, `tdx`, `snp`, `tpm` or `software`"
    )]
    UnknownChoice(String),
    /// The platform does not answer.
    #[error("the platform at {path} does not answer")]
    Unreachable {
        /// Device or socket.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The platform does not answer in time.
    #[error("the platform at {path} did not answer within {seconds} seconds")]
    Timeout {
        /// Device or socket.
        path: PathBuf,
        /// How long.
        seconds: u64,
    },
    /// What answers is no such platform.
    #[error("what answers at {path} is no platform of this kind: {what}")]
    Protocol {
        /// Device or socket.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The platform refuses.
    #[error("the platform refuses: {0}")]
    Refused(String),
    /// A command to a TPM came to nothing.
    #[error(transparent)]
    Tpm(#[from] TpmError),
    /// The platform has another workload measured.
    #[error(
        "this launcher measured workload {measured} before; it cannot vouch for workload {asked} as well"
    )]
    OtherWorkload {
        /// Digest of the workload that was measured.
        measured: Digest32,
        /// Digest of the one that evidence is asked for.
        asked: Digest32,
    },
    /// Something else than this program was measured.
    #[error(transparent)]
    OtherMeasurements(#[from] Box<OtherMeasurements>),
    /// The platform does not do this.
    #[error("platform {platform} does not give {what}: {why}")]
    Unsupported {
        /// The platform.
        platform: Platform,
        /// What was asked for.
        what: &'static str,
        /// Why it is not to be had.
        why: &'static str,
    },
    /// A file of the system.
    #[error("{path} cannot be used")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The firmware's event log cannot be read.
    #[error("the event log {path} cannot be read: {what}")]
    EventLog {
        /// The log.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The platform gave evidence that cannot be read.
    #[error("the platform gave evidence that cannot be read")]
    Evidence(#[from] ParseError),
    /// The platform gave evidence for other report data.
    #[error("the platform gave evidence for another session")]
    OtherReportData,
}

/// A register holds something else than this program, and its workload, would leave there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{register} holds {found}; program {program} with {} would leave {expected} there. Since the machine started, \
     something else was measured: another build of the program, another workload, or somebody else's. Only a restart \
     of the machine clears it",
    workload.map_or("no workload".to_owned(), |workload| format!("workload {workload}"))
)]
pub struct OtherMeasurements {
    /// The register's name.
    pub register: &'static str,
    /// What it holds, in hexadecimal.
    pub found: String,
    /// What it would hold, in hexadecimal.
    pub expected: String,
    /// Digest of this program.
    pub program: Digest32,
    /// Digest of the workload's description.
    pub workload: Option<Digest32>,
}

impl AttesterError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoPlatform { .. } => "attester.no_platform",
            Self::NotUsable { .. } => "attester.not_usable",
            Self::NotBuiltIn { .. } => "attester.not_built_in",
            Self::NoSocket | Self::UnknownChoice(_) => "attester.choice",
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Tpm(TpmError::Io(_)) => {
                "attester.unreachable"
            }
            Self::Protocol { .. }
            | Self::Evidence(_)
            | Self::EventLog { .. }
            | Self::OtherReportData
            | Self::Tpm(TpmError::Malformed { .. }) => "attester.protocol",
            Self::OtherWorkload { .. } | Self::OtherMeasurements(_) => "attester.measurements",
            Self::Unsupported { .. } => "attester.unsupported",
            Self::File { .. } => "attester.file",
            Self::Refused(_) | Self::Tpm(TpmError::Refused { .. }) => "attester.refused",
        }
    }
}
