//! Where ONNX Runtime's library lies, and how it is loaded.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ::ort::environment::{Environment, GlobalThreadPoolOptions};
use ::ort::logging::{LogLevel, LoggerFunction};
use strongroom_crypto::digest::Digest32;

use super::providers::Provider;
use crate::engine::tensorflow::{LibraryError, sealed};

/// Which library to load, and how it runs models.
#[derive(Debug, Clone)]
pub struct OrtOptions {
    /// Path of `libonnxruntime.so`.
    pub library: Option<PathBuf>,
    /// SHA-256 that the file may have. With digests it runs from a sealed copy of what was hashed.
    pub digests: Vec<Digest32>,
    /// What it computes on, best first.
    pub providers: Vec<Provider>,
    /// Threads of one call, the caller's included; 0 means one per core.
    pub intra_op: usize,
    /// Calls of one model that may run at once.
    pub sessions: usize,
}

impl Default for OrtOptions {
    fn default() -> Self {
        Self {
            library: None,
            digests: Vec::new(),
            providers: vec![Provider::Cpu],
            intra_op: 1,
            sessions: 1,
        }
    }
}

/// ONNX Runtime cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OrtError {
    /// The library is nowhere.
    #[error(
        "ONNX Runtime's library was not found ({looked}); install the Python package onnxruntime into the active virtual \
         environment, or name libonnxruntime.so with --onnxruntime_library"
    )]
    NotFound {
        /// Where it was looked for.
        looked: String,
    },
    /// Confidential mode without a path and digests.
    #[error(
        "in confidential mode ONNX Runtime's library is taken by digest only: --onnxruntime_library and \
         --onnxruntime_library_digest must stand in the workload description"
    )]
    DigestRequired,
    /// The file is another than it should be, or cannot be read.
    #[error(transparent)]
    File(#[from] LibraryError),
    /// The dynamic loader or the library refuses.
    #[error("{path} cannot be loaded as ONNX Runtime")]
    Load {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another copy runs already.
    #[error("ONNX Runtime is loaded from {0} already, and a process holds one copy only")]
    Another(PathBuf),
    /// The library was built without what should compute.
    #[error("this ONNX Runtime has no execution provider {0}")]
    Provider(&'static str),
}

impl OrtError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::DigestRequired => "engine.library_digest",
            Self::File(error) => error.code(),
            _ => "engine.library",
        }
    }
}

/// Loads the library: once for this process, whoever asks.
pub(super) fn load(options: &OrtOptions, confidential: bool) -> Result<Environment, OrtError> {
    if confidential && (options.library.is_none() || options.digests.is_empty()) {
        return Err(OrtError::DigestRequired);
    }
    let path = find(options.library.as_deref())?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((from, environment)) = loaded.as_ref() {
        return match *from == path {
            true => Ok(environment.clone()),
            false => Err(OrtError::Another(from.clone())),
        };
    }
    let file = match options.digests.is_empty() {
        true => path.clone(),
        false => sealed(&path, &options.digests)?,
    };
    let environment = start(&file, options.intra_op).map_err(|source| OrtError::Load {
        path: path.clone(),
        source,
    })?;
    tracing::info!(build = ::ort::info(), library = %path.display(), "ONNX Runtime is loaded");
    *loaded = Some((path, environment.clone()));
    Ok(environment)
}

// All sessions share one pool of threads: sessions of their own pools would multiply threads by sessions by models.
fn start(file: &Path, threads: usize) -> Result<Environment, Box<dyn std::error::Error + Send + Sync>> {
    let builder = ::ort::init_from(file)?;
    let pool = GlobalThreadPoolOptions::default()
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        .with_spin_control(false)?;
    let builder = builder
        .with_name("strongroom")
        .with_telemetry(false)
        .with_global_thread_pool(pool)
        .with_logger(logger());
    Ok(builder.build()?)
}

// Its messages name nodes and shapes, which are the model owner's: they are for whoever debugs.
fn logger() -> LoggerFunction {
    Arc::new(|level, category, _, _, message| match level {
        LogLevel::Fatal | LogLevel::Error => tracing::debug!(category, message, "ONNX Runtime"),
        _ => tracing::trace!(category, message, "ONNX Runtime"),
    })
}

fn find(named: Option<&Path>) -> Result<PathBuf, OrtError> {
    let candidates = match named {
        Some(path) => vec![path.to_owned()],
        None => usual_places(),
    };
    if let Some(path) = candidates.iter().find(|path| path.is_file()) {
        return std::path::absolute(path).map_err(|error| LibraryError::Io(path.clone(), error).into());
    }
    let looked: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
    Err(OrtError::NotFound {
        looked: match looked.is_empty() {
            true => "none is in the active virtual environment".to_owned(),
            false => looked.join(", "),
        },
    })
}

/// The variable, else the package of the active virtual environment.
fn usual_places() -> Vec<PathBuf> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return vec![path.into()];
    }
    let Some(environment) = std::env::var_os("VIRTUAL_ENV") else {
        return Vec::new();
    };
    let entries = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let capi = entries(Path::new(&environment).join("lib"))
        .map(|version| version.path().join("site-packages/onnxruntime/capi"));
    let mut libraries: Vec<PathBuf> = capi
        .flat_map(entries)
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("libonnxruntime.so")
        })
        .map(|entry| entry.path())
        .collect();
    libraries.sort();
    libraries
}

static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);
const VARIABLE: &str = "STRONGROOM_ONNXRUNTIME_LIBRARY";

#[cfg(test)]
mod tests {
    use strongroom_crypto::digest::sha256;

    use super::*;

    fn options(path: &Path, digests: Vec<Digest32>) -> OrtOptions {
        OrtOptions {
            library: Some(path.to_owned()),
            digests,
            ..OrtOptions::default()
        }
    }

    fn refusal(options: &OrtOptions, confidential: bool) -> OrtError {
        load(options, confidential).expect_err("no library")
    }

    #[test]
    fn confidential_mode_searches_nothing() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        for options in [OrtOptions::default(), options(file.path(), vec![])] {
            assert_eq!(refusal(&options, true).code(), "engine.library_digest");
        }
    }

    #[test]
    fn another_file_than_was_asked_for_is_not_loaded() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let refused = refusal(&options(file.path(), vec![sha256(b"other")]), true);
        assert!(
            matches!(
                refused,
                OrtError::File(LibraryError::Digest { .. }) | OrtError::Another(_)
            ),
            "{refused}"
        );
    }

    #[test]
    fn a_missing_library_says_how_to_get_it() {
        let refused = refusal(&options(Path::new("/nowhere/libonnxruntime.so"), vec![]), false);
        assert!(refused.to_string().contains("--onnxruntime_library"), "{refused}");
    }
}
