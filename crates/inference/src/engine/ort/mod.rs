//! ONNX Runtime, for ONNX models of any size. The library is no part of the build: it is loaded at start where a flag asks
//! for this engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::ort::environment::Environment;
use ::ort::session::Session;
use ::ort::session::builder::SessionBuilder;
use strongroom_api::serving::DEFAULT_SIGNATURE;

use super::onnx::{self, OnnxError};
use super::operators::Operators;
use super::{Engine, EngineError, EngineOptions, Executable};
use crate::model::files::ModelFiles;

mod library;
mod model;
mod providers;
mod values;
mod watch;

pub use library::{OrtError, OrtOptions};
pub use providers::Provider;

/// The engine.
pub struct OnnxRuntime {
    environment: Environment,
    options: OrtOptions,
}

impl OnnxRuntime {
    /// Loads the library and checks that it has the execution providers that are asked for.
    ///
    /// # Errors
    /// When the library is not found, is another than the digests allow, or lacks a provider.
    pub fn new(options: &EngineOptions) -> Result<Self, EngineError> {
        let environment = library::load(&options.ort, options.confidential)?;
        providers::check(&options.ort.providers)?;
        Ok(Self {
            environment,
            options: options.ort.clone(),
        })
    }

    fn session(
        &self,
        model: &[u8],
        external: &BTreeMap<String, Arc<[u8]>>,
    ) -> Result<Session, Box<dyn std::error::Error + Send + Sync>> {
        let keep = |error: ::ort::Error<SessionBuilder>| error.to_string();
        let mut builder = Session::builder(&self.environment)?
            .with_execution_providers(providers::dispatches(&self.options.providers))
            .map_err(keep)?;
        for (location, bytes) in external {
            builder = builder
                .with_external_initializer_file_in_memory(location, Arc::clone(bytes))
                .map_err(keep)?;
        }
        Ok(builder.commit_from_memory(model)?)
    }
}

impl Engine for OnnxRuntime {
    fn name(&self) -> &'static str {
        NAME
    }

    fn takes(&self, files: &ModelFiles) -> bool {
        files.main_onnx().is_some()
    }

    fn load(&self, mut files: ModelFiles) -> Result<Arc<dyn Executable>, EngineError> {
        let name = files.main_onnx().ok_or(OnnxError::NoGraph)?;
        let file = files.take(&name).ok_or(OnnxError::NoGraph)?;
        let checked = onnx::check(&file, Operators::OnnxRuntime)?;
        let specs = checked.signature.inputs.iter().chain(&checked.signature.outputs);
        for (alias, spec) in specs {
            values::check_type(alias, spec)?;
        }
        let mut external = BTreeMap::new();
        for location in checked.external {
            let bytes = files
                .take_beside(&name, &location)
                .ok_or_else(|| OnnxError::ExternalData(location.clone()))?;
            external.insert(location, Arc::from(bytes));
        }
        let weights: usize = file.len()
            + external
                .values()
                .map(|bytes: &Arc<[u8]>| bytes.len())
                .sum::<usize>();
        let sessions =
            (0..sessions_for(weights, self.options.sessions)).map(|_| self.session(&file, &external));
        let sessions = sessions
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| EngineError::Engine { engine: NAME, source })?;
        let signatures = BTreeMap::from([(DEFAULT_SIGNATURE.to_owned(), checked.signature)]);
        Ok(Arc::new(model::Loaded::new(signatures, sessions)))
    }
}

/// One session serves one call at a time. There is one per worker, as long as they fit a budget: each has its own copy of
/// the weights.
fn sessions_for(weights: usize, workers: usize) -> usize {
    (WEIGHTS_BYTES_MAX / weights.max(1)).clamp(1, workers.max(1))
}

const WEIGHTS_BYTES_MAX: usize = 512 << 20;
const NAME: &str = "onnxruntime";

#[cfg(test)]
mod tests;
