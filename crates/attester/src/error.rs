//! Why a platform gives nothing.

use std::io;
use std::path::PathBuf;

use strongroom_attest::{ParseError, Platform};

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
    /// The simulated platform was asked for without its socket.
    #[error("--tee software needs the simulator's socket: --simulator-socket or STRONGROOM_SIMULATOR_SOCKET")]
    NoSocket,
    /// A choice that does not exist.
    #[error("--tee {0:?} is no choice: leave it out to use this machine's hardware, or say `software`")]
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
    /// The platform gave evidence that cannot be read.
    #[error("the platform gave evidence that cannot be read")]
    Evidence(#[from] ParseError),
    /// The platform gave evidence for other report data.
    #[error("the platform gave evidence for another session")]
    OtherReportData,
}

impl AttesterError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoPlatform { .. } => "attester.no_platform",
            Self::NotBuiltIn { .. } => "attester.not_built_in",
            Self::NoSocket | Self::UnknownChoice(_) => "attester.choice",
            Self::Unreachable { .. } | Self::Timeout { .. } => "attester.unreachable",
            Self::Protocol { .. } | Self::Evidence(_) | Self::OtherReportData => "attester.protocol",
            Self::Refused(_) => "attester.refused",
        }
    }
}
