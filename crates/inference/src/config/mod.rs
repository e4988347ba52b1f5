//! From flags to one checked configuration, before a port is bound.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use strongroom_service::telemetry::LogFormat;

use crate::app::RequestLimits;
use crate::engine::EngineOptions;
use crate::model::ModelPlan;
use crate::provision::{Provision, ProvisionError};
use crate::rest::RestOptions;
use crate::tensor::proto::Encoding;
use crate::textproto;
use crate::tls::TlsError;

mod engines;
mod files;
pub mod flags;
mod models;
pub mod table;
pub mod tls;

pub use engines::tensorflow_version;
pub use files::model_config;
pub use flags::{FlagError, Flags};
use table::{Effect, Flag};
pub use tls::{Identity, TlsPlan};

/// Everything that the server does, decided.
#[derive(Debug)]
pub struct Config {
    /// Models to serve.
    pub models: Vec<ModelPlan>,
    /// Whether a provision file fixed models, keys and identity.
    pub mode: Mode,
    /// Where the server listens.
    pub listen: Listen,
    /// TLS of the gRPC port.
    pub grpc_tls: Option<TlsPlan>,
    /// TLS of the REST port.
    pub rest_tls: Option<TlsPlan>,
    /// What one request may take.
    pub limits: RequestLimits,
    /// Threads that run models.
    pub workers: usize,
    /// Requests that may wait for one.
    pub queue_max: usize,
    /// The REST interface.
    pub rest: RestOptions,
    /// How gRPC answers carry tensors.
    pub encoding: Encoding,
    /// Whether labels may name versions that are not available.
    pub labels_for_unavailable: bool,
    /// Whether a signature must be meant for the method that is called.
    pub check_method_names: bool,
    /// What engines are told.
    pub engines: EngineOptions,
    /// Whether gRPC's health service is served.
    pub grpc_health: bool,
    /// Written once requests are served.
    pub ready_file: Option<PathBuf>,
    /// Form of the log.
    pub log_format: LogFormat,
    /// Flags that are accepted without effect, and why they have none.
    pub ignored: Vec<(&'static str, &'static str)>,
}

/// Who decides what is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The command line.
    Plain,
    /// The manifest, through the launcher's provision file.
    Confidential,
}

/// Where the server listens.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Address of all TCP ports.
    pub address: String,
    /// Port of gRPC.
    pub grpc_port: Option<u16>,
    /// Unix socket of gRPC.
    pub grpc_socket: Option<PathBuf>,
    /// Port of REST.
    pub rest_port: Option<u16>,
    /// Port of health and, in plain mode, metrics; never with TLS.
    pub health_port: Option<u16>,
}

/// The configuration makes no sense.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The command line.
    #[error(transparent)]
    Flag(#[from] FlagError),
    /// A flag that this server does not serve.
    #[error("--{0} is not supported: {1}")]
    Refused(&'static str, &'static str),
    /// A flag that would change what the provision file fixes.
    #[error("--{0} cannot be used together with --provision_file")]
    Confidential(&'static str),
    /// An argument that is no flag, where nothing is passed over.
    #[error("unknown argument: {0}")]
    Unknown(String),
    /// An environment variable that would write models' secrets to the log.
    #[error("{0} must not be set in confidential mode")]
    Environment(&'static str),
    /// A value that has no meaning.
    #[error("{0}")]
    Value(String),
    /// A file that a flag names cannot be read.
    #[error("Invalid protobuf file: '{0}'")]
    File(PathBuf, #[source] io::Error),
    /// A text file is not of its format.
    #[error("Invalid protobuf file: '{0}'")]
    Text(PathBuf, #[source] textproto::TextError),
    /// The provision file.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// A certificate file.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl ConfigError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Provision(error) => error.code(),
            Self::Confidential(_) | Self::Unknown(_) | Self::Environment(_) => "provision.flag",
            _ => "input.invalid",
        }
    }
}

impl Config {
    /// Decides everything that flags and files say.
    ///
    /// # Errors
    /// When they contradict each other or mean nothing.
    pub fn new(flags: &Flags) -> Result<Self, ConfigError> {
        if let Some((flag, why)) = given(flags).find_map(refused) {
            return Err(ConfigError::Refused(flag, why));
        }
        let provision = flags
            .text("provision_file")
            .map(|path| Provision::read(Path::new(path)))
            .transpose()?;
        let mode = if provision.is_some() {
            Mode::Confidential
        } else {
            Mode::Plain
        };
        if mode == Mode::Confidential {
            check_confidential(flags)?;
        }
        let (models, grpc_tls, rest_tls) = match provision {
            Some(provision) => {
                let plan = TlsPlan::of_marble(provision.identity, &provision.models);
                (provision.models, Some(plan.clone()), Some(plan))
            }
            None => {
                let (grpc, rest) = tls::of_flags(flags)?;
                (models::of_flags(flags)?, grpc, rest)
            }
        };
        let metrics_path = match flags.text("monitoring_config_file") {
            Some(path) => files::metrics_path(Path::new(path))?,
            None => None,
        };
        check_batching(flags)?;
        Ok(Self {
            models,
            mode,
            listen: listen(flags)?,
            grpc_tls,
            rest_tls,
            limits: limits(flags)?,
            workers: positive(flags, "model_workers")?.unwrap_or_else(cores),
            queue_max: positive(flags, "model_queue_max")?.unwrap_or(QUEUE_MAX),
            rest: RestOptions {
                cors: flags.switch("rest_api_enable_cors_support"),
                metrics_path,
            },
            encoding: match flags.switch("enable_serialization_as_tensor_content") {
                true => Encoding::Content,
                false => Encoding::Typed,
            },
            labels_for_unavailable: flags.switch("allow_version_labels_for_unavailable_models"),
            check_method_names: flags.switch("enable_signature_method_name_check"),
            engines: engines::options(flags, mode)?,
            grpc_health: flags.switch("enable_grpc_healthcheck_service"),
            ready_file: flags.text("ready_file").map(PathBuf::from),
            log_format: log_format(flags)?,
            ignored: given(flags).filter_map(ignored).collect(),
        })
    }
}

/// The form of the log, which is needed before anything else is checked.
///
/// # Errors
/// When it is neither `text` nor `json`.
pub fn log_format(flags: &Flags) -> Result<LogFormat, ConfigError> {
    let text = flags.text("log_format").unwrap_or("text");
    text.parse()
        .map_err(|error| ConfigError::Value(format!("--log_format: {error}")))
}

// Flags that are given for something: `--switch=false` and `--file=` ask for nothing.
fn given(flags: &Flags) -> impl Iterator<Item = &'static Flag> {
    flags
        .given()
        .filter(|name| flags.text(name).is_some_and(|text| text != "false"))
        .filter_map(table::find)
}

fn refused(flag: &'static Flag) -> Option<(&'static str, &'static str)> {
    match flag.effect {
        Effect::Refused(why) => Some((flag.name, why)),
        _ => None,
    }
}

fn ignored(flag: &'static Flag) -> Option<(&'static str, &'static str)> {
    match flag.effect {
        Effect::Ignored(why) => Some((flag.name, why)),
        _ => None,
    }
}

fn check_confidential(flags: &Flags) -> Result<(), ConfigError> {
    if let Some(argument) = flags.unknown().first() {
        return Err(ConfigError::Unknown(argument.clone()));
    }
    if let Some(flag) = FIXED_BY_PROVISION.iter().find(|flag| !flags.all(flag).is_empty()) {
        return Err(ConfigError::Confidential(flag));
    }
    // The engine prints names and shapes of the model's layers where this is set.
    if std::env::var_os(ENGINE_TIMING).is_some() {
        return Err(ConfigError::Environment(ENGINE_TIMING));
    }
    Ok(())
}

// Requests are not put together yet; their answers would be the same.
fn check_batching(flags: &Flags) -> Result<(), ConfigError> {
    let Some(path) = flags.text("batching_parameters_file") else {
        return Ok(());
    };
    if !flags.switch("enable_batching") {
        return Err(ConfigError::Value(
            "server_options.batching_parameters_file is set without setting server_options.enable_batching to true."
                .to_owned(),
        ));
    }
    files::batching_parameters(Path::new(path)).map(|_| ())
}

fn listen(flags: &Flags) -> Result<Listen, ConfigError> {
    let ephemeral = flags.switch("ephemeral_ports");
    let port = |name: &str, default: u16| -> Result<Option<u16>, ConfigError> {
        let port = match flags.number(name) {
            None => default,
            Some(number) => u16::try_from(number)
                .map_err(|_| ConfigError::Value(format!("--{name}={number} is no TCP port")))?,
        };
        Ok(match (port, ephemeral) {
            (0, _) => None,
            (_, true) => Some(0),
            (port, false) => Some(port),
        })
    };
    let mut listen = Listen {
        address: flags.text("listen_address").unwrap_or("0.0.0.0").to_owned(),
        grpc_port: port("port", 8500)?,
        grpc_socket: flags.text("grpc_socket_path").map(PathBuf::from),
        rest_port: port("rest_api_port", 0)?,
        health_port: port("health_port", 0)?,
    };
    if listen.rest_port.is_some() && listen.rest_port == listen.grpc_port && !ephemeral {
        tracing::error!("--port and --rest_api_port are the same: REST is not served");
        listen.rest_port = None;
    }
    if listen.grpc_port.is_none() && listen.grpc_socket.is_none() {
        return Err(ConfigError::Value(
            "server_options.port is not set; nor is grpc_socket_path".to_owned(),
        ));
    }
    Ok(listen)
}

fn limits(flags: &Flags) -> Result<RequestLimits, ConfigError> {
    let timeout = positive(flags, "rest_api_timeout_in_ms")?.unwrap_or(REST_TIMEOUT_MS);
    let body_bytes_max = positive(flags, "rest_max_body_bytes")?.unwrap_or(BODY_BYTES_MAX);
    Ok(RequestLimits {
        body_bytes_max,
        // Never so little that the largest body finds no room at all.
        bodies_bytes_max: BODIES_BYTES_MAX.max(body_bytes_max.saturating_mul(2)),
        tensor_bytes_max: positive(flags, "max_tensor_bytes")?.unwrap_or(TENSOR_BYTES_MAX),
        rest_timeout: Duration::from_millis(timeout as u64),
    })
}

fn positive(flags: &Flags, name: &str) -> Result<Option<usize>, ConfigError> {
    let number = |number: i64| {
        let number = usize::try_from(number).ok().filter(|number| *number > 0);
        number.ok_or_else(|| ConfigError::Value(format!("--{name} must be positive")))
    };
    flags.number(name).map(number).transpose()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Flags that say what the provision file says.
const FIXED_BY_PROVISION: &[&str] = &[
    "model_name",
    "model_base_path",
    "model_config_file",
    "model_keys_dir",
    "model_bundle_digest",
    "ssl_config_file",
    "tls_certificate_file",
    "tls_key_file",
    "tls_client_ca_file",
];
const ENGINE_TIMING: &str = "RTEN_TIMING";
const REST_TIMEOUT_MS: usize = 30_000;
const BODY_BYTES_MAX: usize = 64 << 20;
const BODIES_BYTES_MAX: usize = 512 << 20;
const TENSOR_BYTES_MAX: usize = 256 << 20;
const QUEUE_MAX: usize = 1024;

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
