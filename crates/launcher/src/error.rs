//! Why a launch ended before, or apart from, the program: a stable code, and the exit code of the process.

use std::io;

use strongroom_attest::{PolicyError, VerifyError};
use strongroom_attester::AttesterError;
use strongroom_crypto::digest::Digest32;
use strongroom_ratls::ConnectError;
use strongroom_workload::DescriptionError;

use crate::config::ConfigError;
use crate::credentials::CredentialsError;
use crate::parameters::ParameterError;
use crate::provision::ProvisionError;

/// A launch that failed. Sorted by the step that refused, which is what the exit code says as well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// Flags or environment make no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The description cannot be read.
    #[error("the workload description {path} cannot be read")]
    DescriptionFile {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The description is refused.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The coordinator expectation in the description is refused.
    #[error("the coordinator expectation in the workload description cannot be used")]
    Expectation(#[source] PolicyError),
    /// The program is not the described one.
    #[error("the program {path} has digest {found}, the workload description says {expected}")]
    ProgramDigest {
        /// Its path.
        path: String,
        /// Digest in the description.
        expected: Digest32,
        /// Digest of the file.
        found: Digest32,
    },
    /// A listed file is not the described one.
    #[error("the file {path} has digest {found}, the workload description says {expected}")]
    FileDigest {
        /// Its path.
        path: String,
        /// Digest in the description.
        expected: Digest32,
        /// Digest of the file.
        found: Digest32,
    },
    /// A measured file cannot be read, or no sealed copy of it made.
    #[error("{path} cannot be measured: {what}")]
    Measure {
        /// Its path.
        path: String,
        /// What failed.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Measured files cannot be held fast.
    #[error(
        "the files of the workload description cannot be kept as measured, because nothing can be mounted here \
         ({reason}). Allow user namespaces or CAP_SYS_ADMIN, or describe a static program without files"
    )]
    CannotPin {
        /// Why nothing can be mounted.
        reason: String,
    },
    /// Namespaces or hardening failed half-way.
    #[error("the process cannot be set up: {what}")]
    Setup {
        /// What failed.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The program would reach the platform.
    #[error(
        "{path} cannot be hidden from the program ({reason}), which could prove itself in the launcher's name: allow \
         user namespaces or CAP_SYS_ADMIN"
    )]
    Reachable {
        /// The device.
        path: String,
        /// Why it cannot.
        reason: String,
    },
    /// The platform gives no evidence.
    #[error("this workload cannot prove itself")]
    Attester(#[from] AttesterError),
    /// The coordinator is not the expected one.
    #[error(transparent)]
    CoordinatorEvidence(#[from] Box<VerifyError>),
    /// The coordinator gives no evidence that can be checked.
    #[error(
        "the coordinator gives no evidence ({reason}), and the workload description expects some; only a description \
         with `\"coordinator\": \"unverified\"` may go without"
    )]
    CoordinatorNoEvidence {
        /// What it answered.
        reason: String,
    },
    /// Our own side of the connection cannot be configured.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The coordinator says no, and will go on to.
    #[error("the coordinator refuses {what}: {message}")]
    Refused {
        /// Activation or renewal.
        what: &'static str,
        /// Its words.
        message: String,
    },
    /// What the coordinator certified is not what was asked for.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The coordinator sends what the description does not allow.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// Files cannot be put where they belong.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The program cannot be started.
    #[error("the program cannot be started")]
    Start(#[source] io::Error),
    /// The certificate ended before the coordinator could be reached.
    #[error("the certificate expired and the coordinator could not be reached to renew it")]
    Expired,
}

impl LaunchError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config(_) => "launcher.config",
            Self::DescriptionFile { .. } => "workload.unreadable",
            Self::Description(error) => error.code(),
            Self::Expectation(error) => error.code().as_str(),
            Self::ProgramDigest { .. } => "workload.program_digest",
            Self::FileDigest { .. } => "workload.file_digest",
            Self::Measure { .. } => "workload.measure",
            Self::CannotPin { .. } => "workload.cannot_pin",
            Self::Setup { .. } => "launcher.setup",
            Self::Reachable { .. } => "launcher.platform_reachable",
            Self::Attester(error) => error.code(),
            Self::CoordinatorEvidence(error) => error.code().as_str(),
            Self::CoordinatorNoEvidence { .. } => "launcher.coordinator_unverified",
            Self::Connect(error) => error.code(),
            Self::Refused { what: RENEWAL, .. } => "launcher.renewal_refused",
            Self::Refused { .. } => "launcher.activation_refused",
            Self::Credentials(_) => "launcher.certificate",
            Self::Parameter(error) => error.code(),
            Self::Provision(error) => error.code(),
            Self::Start(_) => "launcher.start",
            Self::Expired => "launcher.certificate_expired",
        }
    }

    /// The process's exit code, out of the range that `docs/operations/launcher.md` sets aside.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Setup { .. } | Self::Reachable { .. } => 100,
            Self::DescriptionFile { .. }
            | Self::Description(_)
            | Self::Expectation(_)
            | Self::ProgramDigest { .. }
            | Self::FileDigest { .. }
            | Self::Measure { .. }
            | Self::CannotPin { .. } => 101,
            Self::Attester(_) => 102,
            Self::CoordinatorEvidence(_) | Self::CoordinatorNoEvidence { .. } => 103,
            Self::Refused { what: RENEWAL, .. } | Self::Expired => 107,
            Self::Connect(_) | Self::Refused { .. } | Self::Credentials(_) => 104,
            Self::Parameter(_) | Self::Provision(_) => 105,
            Self::Start(_) => 106,
        }
    }
}

/// What a refusal speaks of before the program runs.
pub const ACTIVATION: &str = "activation";
/// What a refusal speaks of while the program runs.
pub const RENEWAL: &str = "renewal";
