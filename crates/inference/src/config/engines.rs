//! Flags that engines read.

use std::path::Path;

use strongroom_crypto::digest::Digest32;

use super::{ConfigError, Flags, Mode};
use crate::engine::EngineOptions;
use crate::engine::tensorflow::{LibraryOptions, SessionOptions, TensorFlow};

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
        saved_model_tags: match flags.text("saved_model_tags") {
            Some(tags) => tags.split(',').map(str::to_owned).collect(),
            None => defaults.saved_model_tags,
        },
    })
}

fn library(flags: &Flags) -> Result<LibraryOptions, ConfigError> {
    let digests = flags.all("tensorflow_library_digest").iter().map(|digest| {
        digest.parse::<Digest32>().map_err(|_| {
            ConfigError::Value(format!(
                "--tensorflow_library_digest={digest} is no SHA-256 digest (64 hexadecimal digits)"
            ))
        })
    });
    Ok(LibraryOptions {
        path: flags.text("tensorflow_library").map(Into::into),
        digests: digests.collect::<Result<_, _>>()?,
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
