//! Flags that engines read.

use std::path::Path;

use strongroom_crypto::digest::Digest32;

use super::{ConfigError, Flags, Mode};
use crate::engine::ort::{OrtOptions, Provider};
use crate::engine::tensorflow::{LibraryOptions, SessionOptions, TensorFlow};
use crate::engine::{EngineOptions, OnnxEngine};

/// The version of TensorFlow's library, where one is found; for `--version`.
#[must_use]
pub fn tensorflow_version(flags: &Flags) -> Option<String> {
    let options = options(flags, Mode::Plain).ok()?;
    TensorFlow::new(&options).ok()?.version().ok()
}

pub(super) fn options(flags: &Flags, mode: Mode) -> Result<EngineOptions, ConfigError> {
    let defaults = EngineOptions::default();
    Ok(EngineOptions {
        confidential: mode == Mode::Confidential,
        tensorflow: library(flags)?,
        session: session(flags, mode)?,
        onnx_engine: onnx_engine(flags)?,
        ort: onnxruntime(flags)?,
        saved_model_tags: match flags.text("saved_model_tags") {
            Some(tags) => tags.split(',').map(str::to_owned).collect(),
            None => defaults.saved_model_tags,
        },
    })
}

fn library(flags: &Flags) -> Result<LibraryOptions, ConfigError> {
    Ok(LibraryOptions {
        path: flags.text("tensorflow_library").map(Into::into),
        digests: digests(flags, "tensorflow_library_digest")?,
    })
}

fn digests(flags: &Flags, name: &str) -> Result<Vec<Digest32>, ConfigError> {
    let digests = flags.all(name).iter().map(|digest| {
        digest.parse::<Digest32>().map_err(|_| {
            ConfigError::Value(format!(
                "--{name}={digest} is no SHA-256 digest (64 hexadecimal digits)"
            ))
        })
    });
    digests.collect()
}

fn onnx_engine(flags: &Flags) -> Result<OnnxEngine, ConfigError> {
    match flags.text("onnx_engine") {
        None | Some("embedded") => Ok(OnnxEngine::Embedded),
        Some("onnxruntime") => Ok(OnnxEngine::OnnxRuntime),
        Some(other) => Err(ConfigError::Value(format!(
            "--onnx_engine={other} is neither embedded nor onnxruntime"
        ))),
    }
}

fn onnxruntime(flags: &Flags) -> Result<OrtOptions, ConfigError> {
    let defaults = OrtOptions::default();
    let provider = |name: &str| {
        Provider::from_name(name).ok_or_else(|| {
            ConfigError::Value(format!(
                "--onnxruntime_execution_providers: {name} is none of {}",
                Provider::names().collect::<Vec<_>>().join(", ")
            ))
        })
    };
    let threads = match flags.number("onnxruntime_intra_op_parallelism") {
        Some(number) => usize::try_from(number).map_err(|_| {
            ConfigError::Value(format!(
                "--onnxruntime_intra_op_parallelism={number} is out of range"
            ))
        })?,
        None => defaults.intra_op,
    };
    Ok(OrtOptions {
        library: flags.text("onnxruntime_library").map(Into::into),
        digests: digests(flags, "onnxruntime_library_digest")?,
        providers: match flags.text("onnxruntime_execution_providers") {
            Some(names) => names.split(',').map(provider).collect::<Result<_, _>>()?,
            None => defaults.providers,
        },
        intra_op: threads,
        sessions: super::positive(flags, "model_workers")?.unwrap_or_else(super::cores),
    })
}

fn session(flags: &Flags, mode: Mode) -> Result<SessionOptions, ConfigError> {
    let threads = |name: &str| {
        let number = flags.number(name).unwrap_or_default();
        i32::try_from(number).map_err(|_| ConfigError::Value(format!("--{name}={number} is out of range")))
    };
    let config = flags.text("tensorflow_session_config_file");
    Ok(SessionOptions {
        config: config
            .map(|path| super::files::session_config(Path::new(path), mode))
            .transpose()?,
        parallelism: threads("tensorflow_session_parallelism")?,
        intra_op: threads("tensorflow_intra_op_parallelism")?,
        inter_op: threads("tensorflow_inter_op_parallelism")?,
    })
}
