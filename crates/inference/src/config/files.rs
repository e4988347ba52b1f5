//! TensorFlow Serving's configuration files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use prost::Message as _;
use strongroom_api::serving::saved_model::ConfigProto;
use strongroom_api::serving::{BatchingParameters, ModelServerConfig, MonitoringConfig, SslConfig};

use super::{ConfigError, Mode};
use crate::textproto::{self, TEXT_BYTES_MAX, TextMessage};

/// Reads the text `ModelServerConfig` that says which models are served.
///
/// # Errors
/// When the file cannot be read, or is none.
pub fn model_config(path: &Path) -> Result<ModelServerConfig, ConfigError> {
    read(path)
}

/// The path of the metrics that a `MonitoringConfig` asks for, if it does.
pub(super) fn metrics_path(path: &Path) -> Result<Option<String>, ConfigError> {
    let config = read::<MonitoringConfig>(path)?
        .prometheus_config
        .unwrap_or_default();
    let metrics = match config.path.as_str() {
        "" => METRICS_PATH.to_owned(),
        path if path.starts_with('/') => config.path,
        other => {
            let text = format!("{}: path {other:?} does not begin with a slash", path.display());
            return Err(ConfigError::Value(text));
        }
    };
    Ok(config.enable.then_some(metrics))
}

/// Reads an `SSLConfig`.
pub(super) fn ssl_config(path: &Path) -> Result<SslConfig, ConfigError> {
    let config: SslConfig = read(path)?;
    if config.client_verify && config.custom_ca.is_empty() {
        let text = "client_verify without custom_ca: there is nothing to verify clients against";
        return Err(ConfigError::Value(format!("{}: {text}", path.display())));
    }
    Ok(config)
}

/// Reads a `ConfigProto`, and gives it encoded.
pub(super) fn session_config(path: &Path, mode: Mode) -> Result<Vec<u8>, ConfigError> {
    let config: ConfigProto = read(path)?;
    if config.log_device_placement && mode == Mode::Confidential {
        let text = "log_device_placement would write the model's layers to the log";
        return Err(ConfigError::Value(format!("{}: {text}", path.display())));
    }
    Ok(config.encode_to_vec())
}

/// Reads `BatchingParameters` and checks them as TensorFlow Serving does.
pub(super) fn batching_parameters(path: &Path) -> Result<BatchingParameters, ConfigError> {
    let parameters: BatchingParameters = read(path)?;
    match fault(&parameters) {
        Some(text) => Err(ConfigError::Value(text)),
        None => Ok(parameters),
    }
}

fn fault(parameters: &BatchingParameters) -> Option<String> {
    let positive = [
        ("max_batch_size", parameters.max_batch_size),
        ("num_batch_threads", parameters.num_batch_threads),
        ("max_enqueued_batches", parameters.max_enqueued_batches),
        ("max_execution_batch_size", parameters.max_execution_batch_size),
    ];
    for (name, value) in positive {
        if let Some(value) = value.filter(|value| *value < 1) {
            return Some(format!("{name} must be positive; was {value}"));
        }
    }
    if let Some(value) = parameters.batch_timeout_micros.filter(|value| *value < 0) {
        return Some(format!("batch_timeout_micros must not be negative; was {value}"));
    }
    let sizes = &parameters.allowed_batch_sizes;
    if sizes.first().is_some_and(|size| *size < 1) || sizes.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Some("allowed_batch_sizes entries must be positive and monotonically increasing".to_owned());
    }
    let batch = parameters.max_batch_size.unwrap_or(MAX_BATCH_SIZE);
    let (name, largest) = match parameters.enable_large_batch_splitting {
        Some(true) => (
            "max_execution_batch_size",
            parameters.max_execution_batch_size.unwrap_or(batch),
        ),
        _ => ("max_batch_size", batch),
    };
    sizes.last().filter(|last| **last != largest).map(|last| {
        format!(
            "Last entry in allowed_batch_sizes must match {name}; last entry was {last}; expected {largest}"
        )
    })
}

fn read<M: TextMessage>(path: &Path) -> Result<M, ConfigError> {
    let unreadable = |error: io::Error| ConfigError::File(path.to_owned(), error);
    let file = File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    // One byte more than is taken, so that the reader says that it is too long.
    file.take(TEXT_BYTES_MAX as u64 + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    textproto::parse(&text).map_err(|error| ConfigError::Text(path.to_owned(), error))
}

/// Where metrics are unless the file says otherwise.
pub(crate) const METRICS_PATH: &str = "/monitoring/prometheus/metrics";
const MAX_BATCH_SIZE: i64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, read: impl Fn(&Path) -> Result<T, ConfigError>) -> Result<T, String> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("f");
        std::fs::write(&path, text).expect("a file");
        read(&path).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            cause.unwrap_or_else(|| error.to_string())
        })
    }

    #[test]
    fn reads_what_protects_the_port() {
        let ssl = |text| with(text, ssl_config);
        let config =
            ssl("server_key: 'k\\n' server_cert: 'c' custom_ca: 'a' client_verify: true").expect("good");
        assert_eq!((config.server_key.as_str(), config.client_verify), ("k\n", true));
        assert!(ssl("client_verify: true").is_err());
        assert!(ssl("client_verify: yes").is_err());
        assert!(ssl("client_verfy: true").is_err());
    }

    #[test]
    fn batching_parameters_make_sense() {
        let refusal = |text| with(text, batching_parameters).expect_err("refused");
        let good =
            "max_batch_size { value: 4 } allowed_batch_sizes: [1, 2, 4] num_batch_threads { value: 1 }";
        assert!(with(good, batching_parameters).is_ok());
        assert_eq!(
            refusal("max_batch_size { value: 8 } allowed_batch_sizes: [1, 4]"),
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8"
        );
        assert_eq!(
            refusal("num_batch_threads { value: 0 }"),
            "num_batch_threads must be positive; was 0"
        );
        assert!(refusal("allowed_batch_sizes: [4, 4, 1000]").contains("increasing"));
        assert!(refusal("max_batch_sizes { value: 4 }").contains("1:1: field 'max_batch_sizes' not found"));
        let splitting = "max_batch_size { value: 8 } enable_large_batch_splitting { value: true } \
                         max_execution_batch_size { value: 4 } allowed_batch_sizes: 4";
        assert!(with(splitting, batching_parameters).is_ok());
    }

    #[test]
    fn layers_are_not_logged_in_confidential_mode() {
        let text = "log_device_placement: true intra_op_parallelism_threads: 2";
        assert!(with(text, |path| session_config(path, Mode::Plain)).is_ok());
        assert!(with(text, |path| session_config(path, Mode::Confidential)).is_err());
    }
}
