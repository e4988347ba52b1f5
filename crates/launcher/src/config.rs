//! Flags and environment → one checked [`Config`]. They choose address, type, UUID and names: nothing that could
//! loosen what the measured description says.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;
use strongroom_attest::{EndorsementError, Endorsements};
use strongroom_attester::tpm::TpmAddress;
use strongroom_attester::{AttesterError, TeeChoice};
use strongroom_crypto::x509::Names;
use strongroom_service::folder::{self, FolderError};
use strongroom_service::telemetry::LogFormat;

/// Runs a workload as its first process: verifies the coordinator, activates, provisions, starts, renews.
#[derive(Debug, Parser)]
#[command(name = "strongroom-launcher", version)]
pub struct Arguments {
    /// The workload description (JSON, strongroom.workload.v1)
    #[arg(long, value_name = "FILE", env = "STRONGROOM_WORKLOAD")]
    pub workload: PathBuf,

    /// The coordinator's mesh address
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "EDG_MARBLE_COORDINATOR_ADDR",
        default_value = "localhost:2001"
    )]
    pub coordinator_addr: String,

    /// The marble type, as the manifest names it
    #[arg(long, value_name = "NAME", env = "EDG_MARBLE_TYPE")]
    pub marble_type: String,

    /// Names for the certificate, separated by commas
    #[arg(
        long,
        value_name = "NAMES",
        env = "EDG_MARBLE_DNS_NAMES",
        default_value = "localhost"
    )]
    pub dns_names: String,

    /// File that keeps this marble's UUID; made if missing
    #[arg(
        long,
        value_name = "FILE",
        env = "EDG_MARBLE_UUID_FILE",
        default_value = "uuid"
    )]
    pub uuid_file: PathBuf,

    /// `sgx`, `tdx`, `snp`, `tpm`, or `software` for the simulated platform, which protects nothing; left out: this
    /// machine's hardware
    #[arg(long, value_name = "PLATFORM", env = "STRONGROOM_TEE")]
    pub tee: Option<String>,

    /// The simulator's socket
    #[arg(long, value_name = "PATH", env = TeeChoice::SOCKET_VARIABLE)]
    pub simulator_socket: Option<PathBuf>,

    /// Folder with what vendors sign about the coordinator's platform (collateral, certificates, revocation lists)
    #[arg(long, value_name = "DIR", env = "STRONGROOM_ENDORSEMENTS")]
    pub endorsements: Option<PathBuf>,

    /// The TPM, with `--tee tpm`: a device, a Unix socket, or tcp:HOST:PORT; left out: /dev/tpmrm0
    #[arg(long, value_name = "ADDRESS", env = TeeChoice::TPM_VARIABLE)]
    pub tpm: Option<TpmAddress>,

    /// File that is written (JSON) once the program is started
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,

    /// `text` or `json`
    #[arg(long, value_name = "FORMAT", env = "EDG_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// What the launcher is told, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Path of the description.
    pub workload: PathBuf,
    /// `host:port` of the coordinator's mesh port.
    pub coordinator_addr: String,
    /// The marble type.
    pub marble_type: String,
    /// Names that the certificate is asked for.
    pub names: Names,
    /// File of the UUID.
    pub uuid_file: PathBuf,
    /// The platform.
    pub tee: TeeChoice,
    /// What vendors sign about the coordinator's platform.
    pub endorsements: Endorsements,
    /// File that says that the program is started.
    pub ready_file: Option<PathBuf>,
}

/// Flags or environment make no sense.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A variable of the family that no launcher reads.
    #[error("the environment has {found}, which means nothing here; known are {}", KNOWN_VARIABLES.join(", "))]
    UnknownVariable {
        /// Its name.
        found: String,
    },
    /// No marble type.
    #[error("the marble type is empty: set EDG_MARBLE_TYPE to a name of the manifest's `Marbles`")]
    NoType,
    /// Something that is neither a DNS name nor an IP address.
    #[error("`{0}` in EDG_MARBLE_DNS_NAMES is no DNS name and no IP address")]
    Name(String),
    /// The choice of platform.
    #[error(transparent)]
    Tee(#[from] AttesterError),
    /// The folder of endorsements cannot be read.
    #[error("--endorsements")]
    Endorsements(#[from] FolderError),
    /// A file in it is none.
    #[error("{path} in --endorsements is {source}")]
    NotAnEndorsement {
        /// The file.
        path: PathBuf,
        /// What would have been one.
        source: EndorsementError,
    },
    /// The UUID file.
    #[error("the UUID file {path} cannot be used: {what}")]
    UuidFile {
        /// Its path.
        path: String,
        /// What is wrong.
        what: String,
    },
}

impl Config {
    /// Checks flags, and the names (not the values) of the environment that the process was started with.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn check(
        arguments: Arguments,
        environment: impl Iterator<Item = OsString>,
    ) -> Result<Self, ConfigError> {
        refuse_unknown(environment)?;
        if arguments.marble_type.is_empty() {
            return Err(ConfigError::NoType);
        }
        Ok(Self {
            workload: arguments.workload,
            coordinator_addr: arguments.coordinator_addr,
            marble_type: arguments.marble_type,
            names: names(&arguments.dns_names)?,
            uuid_file: arguments.uuid_file,
            tee: TeeChoice::from_flags(
                arguments.tee.as_deref(),
                arguments.simulator_socket,
                arguments.tpm,
            )?,
            endorsements: match &arguments.endorsements {
                Some(folder) => endorsements(folder)?,
                None => Endorsements::none(),
            },
            ready_file: arguments.ready_file,
        })
    }
}

// Untrusted like everything from the environment: each proves itself by a root in the measured description, or is nothing.
fn endorsements(folder: &Path) -> Result<Endorsements, ConfigError> {
    let mut endorsements = Endorsements::none();
    for (path, bytes) in folder::read_files(folder, Endorsements::BYTES_MAX as u64)? {
        let added = endorsements.add(&bytes);
        added.map_err(|source| ConfigError::NotAnEndorsement { path, source })?;
    }
    Ok(endorsements)
}

// A misspelt variable would leave its default in force, and one would look for the reason in the manifest.
fn refuse_unknown(environment: impl Iterator<Item = OsString>) -> Result<(), ConfigError> {
    for name in environment {
        let Some(name) = name.to_str() else { continue };
        if name.starts_with(FAMILY) && !KNOWN_VARIABLES.contains(&name) {
            return Err(ConfigError::UnknownVariable {
                found: name.to_owned(),
            });
        }
    }
    Ok(())
}

/// As premain's: the given names, and the loopback addresses.
fn names(text: &str) -> Result<Names, ConfigError> {
    let mut names = Names {
        dns: Vec::new(),
        ip: vec![[127, 0, 0, 1].into(), std::net::Ipv6Addr::LOCALHOST.into()],
    };
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '*');
        match name.parse() {
            Ok(address) if names.ip.contains(&address) => {}
            Ok(address) => names.ip.push(address),
            Err(_) if name.chars().all(plain) => names.dns.push(name.to_owned()),
            Err(_) => return Err(ConfigError::Name(name.to_owned())),
        }
    }
    Ok(names)
}

/// Prefix of the variables that MarbleRun gives to marbles.
const FAMILY: &str = "EDG_MARBLE_";

/// Those of the family that there are.
const KNOWN_VARIABLES: [&str; 4] = [
    "EDG_MARBLE_COORDINATOR_ADDR",
    "EDG_MARBLE_TYPE",
    "EDG_MARBLE_DNS_NAMES",
    "EDG_MARBLE_UUID_FILE",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(flags: &[&str], environment: &[&str]) -> Result<Config, ConfigError> {
        let typed = flags.iter().any(|flag| flag.starts_with("--marble-type"));
        let type_flag = if typed {
            &[][..]
        } else {
            &["--marble-type=inference"][..]
        };
        let good = ["launcher", "--workload=/w.json"];
        let arguments =
            Arguments::try_parse_from(good.iter().chain(type_flag).chain(flags)).expect("flags parse");
        Config::check(arguments, environment.iter().map(OsString::from))
    }

    #[test]
    fn accepts_premains_environment_and_refuses_a_misspelt_one() {
        let config = check(&[], &["EDG_MARBLE_TYPE", "PATH"]).expect("good");
        assert_eq!(
            (config.coordinator_addr.as_str(), &config.names.dns[..]),
            ("localhost:2001", &["localhost".to_owned()][..])
        );
        let error = check(&[], &["EDG_MARBLE_TYP"]).expect_err("misspelt").to_string();
        assert!(
            error.contains("EDG_MARBLE_TYP,") && error.contains("EDG_MARBLE_UUID_FILE"),
            "{error}"
        );
    }

    #[test]
    fn names_are_dns_names_and_addresses() {
        let config = check(&["--dns-names", "a.example, 10.0.0.1,::1,*.b"], &[]).expect("good");
        assert_eq!(config.names.dns, ["a.example", "*.b"]);
        assert_eq!(
            config
                .names
                .ip
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["127.0.0.1", "::1", "10.0.0.1"]
        );
        assert!(matches!(
            check(&["--dns-names", "a b"], &[]),
            Err(ConfigError::Name(_))
        ));
    }

    #[test]
    fn refuses_an_empty_type_and_a_simulation_without_socket() {
        assert!(matches!(
            check(&["--marble-type="], &[]),
            Err(ConfigError::NoType)
        ));
        assert!(matches!(
            check(&["--tee", "software"], &[]),
            Err(ConfigError::Tee(_))
        ));
    }
}
