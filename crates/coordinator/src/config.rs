//! Flags and environment, MarbleRun's names where it has one. Everything is checked before a port is bound.

use std::path::{Path, PathBuf};

use clap::Parser;
use strongroom_attest::{EndorsementError, Endorsements};
use strongroom_attester::tpm::TpmAddress;
use strongroom_attester::{AttesterError, TeeChoice};
use strongroom_crypto::x509::Names;
use strongroom_service::ListenAddress;
use strongroom_service::folder::{self, FolderError};
use strongroom_service::telemetry::LogFormat;

use crate::pki::coordinator_names;

/// Strongroom's coordinator.
#[derive(Debug, Parser)]
#[command(
    name = "strongroom-coordinator",
    version,
    about = "Verifies workloads against the manifest and gives them identity and secrets"
)]
pub struct Arguments {
    /// Address of the mesh port (gRPC, for workloads): HOST:PORT or :PORT
    #[arg(long, env = "EDG_COORDINATOR_MESH_ADDR", default_value = ":2001")]
    mesh_addr: ListenAddress,
    /// Address of the REST port (for owners, administrators and clients): HOST:PORT or :PORT
    #[arg(long, env = "EDG_COORDINATOR_CLIENT_ADDR", default_value = ":4433")]
    client_addr: ListenAddress,
    /// Names of this coordinator in its certificates, separated by commas; used when a deployment begins
    #[arg(long, env = "EDG_COORDINATOR_DNS_NAMES", default_value = "localhost")]
    dns_names: String,
    /// Folder of the sealed state
    #[arg(
        long,
        env = "EDG_COORDINATOR_SEAL_DIR",
        default_value = "marblerun-coordinator-data"
    )]
    seal_dir: PathBuf,
    /// Manifest to put in force when the deployment has none
    #[arg(long, env = "EDG_STARTUP_MANIFEST")]
    startup_manifest: Option<PathBuf>,
    /// The trusted execution environment: leave it out to use this machine's hardware, or say `sgx`, `tdx`, `snp`, `tpm`, or `software` (SIMULATED)
    #[arg(long, env = "STRONGROOM_TEE")]
    tee: Option<String>,
    /// Socket of the simulator, with `--tee software`
    #[arg(long, env = TeeChoice::SOCKET_VARIABLE)]
    simulator_socket: Option<PathBuf>,
    /// Folder with what vendors sign about platforms (collateral, certificates, revocation lists), read once at the start
    #[arg(long, env = "STRONGROOM_ENDORSEMENTS")]
    endorsements: Option<PathBuf>,
    /// The TPM, with `--tee tpm`: a device, a Unix socket, or tcp:HOST:PORT (default: /dev/tpmrm0)
    #[arg(long, env = TeeChoice::TPM_VARIABLE)]
    tpm: Option<TpmAddress>,
    /// File to write when both ports listen: JSON with client_addr and mesh_addr
    #[arg(long)]
    ready_file: Option<PathBuf>,
    /// Log format: json or text
    #[arg(long, env = "EDG_LOG_FORMAT", default_value = "json")]
    log_format: LogFormat,
}

/// What the program works with.
#[derive(Debug)]
pub struct Config {
    /// Where workloads call.
    pub mesh_addr: ListenAddress,
    /// Where everybody else calls.
    pub client_addr: ListenAddress,
    /// Names in the certificates of a new deployment.
    pub names: Names,
    /// Where the state lies.
    pub seal_dir: PathBuf,
    /// A manifest to set.
    pub startup_manifest: Option<Vec<u8>>,
    /// The platform.
    pub tee: TeeChoice,
    /// What vendors sign about platforms.
    pub endorsements: Endorsements,
    /// Where to say that both ports listen.
    pub ready_file: Option<PathBuf>,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// Arguments that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The platform.
    #[error(transparent)]
    Tee(#[from] AttesterError),
    /// A name that no certificate can carry.
    #[error("`{0}` in --dns-names is neither a DNS name nor an IP address")]
    Name(String),
    /// The manifest cannot be read.
    #[error("the manifest {path} cannot be read")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
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
}

/// Reads a folder of endorsements.
fn endorsements(folder: &Path) -> Result<Endorsements, ConfigError> {
    let mut endorsements = Endorsements::none();
    for (path, bytes) in folder::read_files(folder, Endorsements::BYTES_MAX as u64)? {
        let added = endorsements.add(&bytes);
        added.map_err(|source| ConfigError::NotAnEndorsement { path, source })?;
    }
    Ok(endorsements)
}

impl Arguments {
    /// Checks what was given.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn check(self) -> Result<Config, ConfigError> {
        let names = coordinator_names(self.dns_names.split(','));
        if let Some(bad) = names.dns.iter().find(|name| !is_dns_name(name)) {
            return Err(ConfigError::Name(bad.clone()));
        }
        let startup_manifest = match self.startup_manifest {
            None => None,
            Some(path) => match std::fs::read(&path) {
                Ok(raw) => Some(raw),
                Err(source) => return Err(ConfigError::Manifest { path, source }),
            },
        };
        Ok(Config {
            mesh_addr: self.mesh_addr,
            client_addr: self.client_addr,
            names,
            seal_dir: self.seal_dir,
            startup_manifest,
            tee: TeeChoice::from_flags(self.tee.as_deref(), self.simulator_socket, self.tpm)?,
            endorsements: match &self.endorsements {
                Some(folder) => endorsements(folder)?,
                None => Endorsements::none(),
            },
            ready_file: self.ready_file,
            log_format: self.log_format,
        })
    }
}

fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let labels = name.strip_prefix("*.").unwrap_or(name);
    name.len() <= 253 && labels.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Config, String> {
        let all = [&["strongroom-coordinator"], arguments].concat();
        let parsed = Arguments::try_parse_from(all).map_err(|error| error.to_string())?;
        parsed.check().map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_ordered_as_marblerun_orders_them() {
        let config = parse(&["--dns-names", "localhost,10.1.2.3, example.test,127.0.0.1"]).expect("good");
        assert_eq!(config.names.dns, ["localhost", "example.test"]);
        let ips: Vec<String> = config.names.ip.iter().map(ToString::to_string).collect();
        assert_eq!(ips, ["127.0.0.1", "::1", "10.1.2.3"]);
    }

    #[test]
    fn what_cannot_be_used_is_refused_before_anything_starts() {
        assert!(parse(&["--client-addr", "nowhere"]).is_err());
        assert!(
            parse(&["--dns-names", "a b"])
                .expect_err("refused")
                .contains("`a b`")
        );
        assert!(parse(&["--startup-manifest", "/nonexistent/m.json"]).is_err());
        assert!(parse(&["--tee", "sev"]).is_err());
        assert!(
            parse(&["--tee", "software"]).is_err(),
            "a simulated platform needs its socket"
        );
        assert!(parse(&["--log-format", "xml"]).is_err());
    }
}
