//! TensorFlow Serving's small configuration files.

use std::path::Path;

use prost::Message as _;
use strongroom_api::serving::saved_model::ConfigProto;

use super::{ConfigError, read_text};
use crate::textproto::{Fields, Value};

/// `SSLConfig`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SslConfig {
    pub(super) server_key: String,
    pub(super) server_cert: String,
    pub(super) custom_ca: String,
    pub(super) client_verify: bool,
}

/// The path of the metrics that a `MonitoringConfig` asks for, if it does.
pub(super) fn metrics_path(path: &Path) -> Result<Option<String>, ConfigError> {
    let unknown = |field: &str| unknown_field(path, field);
    let mut enabled = false;
    let mut metrics = String::new();
    for (name, value) in read_text(path)? {
        let ("prometheus_config", Value::Message(fields)) = (name.as_str(), value) else {
            return Err(unknown(&name));
        };
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("enable", Value::Word(word)) => enabled = word == "true",
                ("path", Value::String(text)) => metrics = text,
                _ => return Err(unknown(&name)),
            }
        }
    }
    let metrics = if metrics.is_empty() {
        METRICS_PATH.to_owned()
    } else {
        metrics
    };
    Ok(enabled.then_some(metrics))
}

/// Reads an `SSLConfig`.
pub(super) fn ssl_config(path: &Path) -> Result<SslConfig, ConfigError> {
    ssl_config_of(path, read_text(path)?)
}

fn ssl_config_of(path: &Path, fields: Fields) -> Result<SslConfig, ConfigError> {
    let mut config = SslConfig::default();
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("server_key", Value::String(text)) => config.server_key = text,
            ("server_cert", Value::String(text)) => config.server_cert = text,
            ("custom_ca", Value::String(text)) => config.custom_ca = text,
            ("client_verify", Value::Word(word)) if word == "true" || word == "false" => {
                config.client_verify = word == "true";
            }
            _ => return Err(unknown_field(path, &name)),
        }
    }
    if config.client_verify && config.custom_ca.is_empty() {
        let text = "client_verify without custom_ca: there is nothing to verify clients against";
        return Err(ConfigError::Value(format!("{}: {text}", path.display())));
    }
    Ok(config)
}

/// Reads a `ConfigProto`, and gives it encoded. Threads are what a server decides; other fields are refused rather than
/// passed over.
pub(super) fn session_config(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let mut config = ConfigProto::default();
    for (name, value) in read_text(path)? {
        let field = match name.as_str() {
            "intra_op_parallelism_threads" => &mut config.intra_op_parallelism_threads,
            "inter_op_parallelism_threads" => &mut config.inter_op_parallelism_threads,
            _ => return Err(unknown_field(path, &name)),
        };
        let number = match value {
            Value::Word(word) => word.parse().ok(),
            _ => None,
        };
        *field = number.ok_or_else(|| unknown_field(path, &name))?;
    }
    Ok(config.encode_to_vec())
}

fn unknown_field(path: &Path, field: &str) -> ConfigError {
    ConfigError::Value(format!(
        "{}: field {field} is unknown or of another type",
        path.display()
    ))
}

/// Where metrics are unless the file says otherwise.
pub(crate) const METRICS_PATH: &str = "/monitoring/prometheus/metrics";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::textproto::parse;

    fn ssl(text: &str) -> Result<SslConfig, String> {
        let fields = parse(text).expect("text");
        ssl_config_of(Path::new("f"), fields).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_what_protects_the_port() {
        let config =
            ssl("server_key: 'k\\n' server_cert: 'c' custom_ca: 'a' client_verify: true").expect("good");
        assert_eq!((config.server_key.as_str(), config.client_verify), ("k\n", true));
        assert!(ssl("client_verify: true").is_err());
        assert!(ssl("client_verify: yes").is_err());
        assert!(ssl("client_verfy: true").is_err());
    }
}
