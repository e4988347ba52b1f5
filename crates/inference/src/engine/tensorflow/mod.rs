//! The compatibility engine: TensorFlow's own library, for SavedModels. What TensorFlow Serving computes, this computes,
//! with the same texts where it refuses.
//!
//! The library is no part of the build. It is looked for when a SavedModel is loaded for the first time, or at start
//! where a flag names it.

use std::sync::{Arc, OnceLock};

use super::{Engine, EngineError, EngineOptions, Executable};
use crate::model::files::ModelFiles;

mod allowed;
mod library;
mod memory;
mod model;
mod operators;
mod pace;
mod paths;
mod saved_model;
mod session;
#[expect(unsafe_code, reason = "a C library, behind types that cannot be misused")]
mod sys;
mod values;

pub(super) use library::sealed;
pub use library::{LibraryError, LibraryOptions};
pub use operators::OperatorError;
pub use saved_model::SavedModelError;
pub use session::{SessionError, SessionOptions};

/// The engine.
pub struct TensorFlow {
    options: EngineOptions,
    config: Vec<u8>,
    threads: session::Threads,
    api: OnceLock<Arc<sys::Api>>,
}

impl TensorFlow {
    /// The engine; loads the library at once where the options name it.
    ///
    /// # Errors
    /// When the options contradict each other, or that library cannot be loaded.
    pub fn new(options: &EngineOptions) -> Result<Self, EngineError> {
        let (config, threads) = options.session.config()?;
        let engine = Self {
            config,
            threads,
            options: options.clone(),
            api: OnceLock::new(),
        };
        if options.tensorflow.is_named() {
            engine.api()?;
        }
        Ok(engine)
    }

    /// The library's version, if it could be found now.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn version(&self) -> Result<String, EngineError> {
        Ok(self.api()?.version())
    }

    fn api(&self) -> Result<Arc<sys::Api>, LibraryError> {
        if let Some(api) = self.api.get() {
            return Ok(Arc::clone(api));
        }
        let loaded = library::load(&self.options.tensorflow, self.options.confidential)?;
        Ok(Arc::clone(self.api.get_or_init(|| loaded)))
    }
}

impl Engine for TensorFlow {
    fn name(&self) -> &'static str {
        NAME
    }

    fn takes(&self, files: &ModelFiles) -> bool {
        saved_model::is_one(files)
    }

    fn load(&self, mut files: ModelFiles) -> Result<Arc<dyn Executable>, EngineError> {
        let graph = saved_model::read(&files, &self.options.saved_model_tags)?;
        if self.options.confidential {
            operators::check(&graph, &files)?;
        }
        // What was checked is what the library reads, and not another form of the graph beside it.
        saved_model::OTHER_FORMS
            .iter()
            .for_each(|name| drop(files.take(name)));
        let api = self.api()?;
        Ok(Arc::new(model::load(
            &api,
            &graph,
            files,
            &self.config,
            self.threads,
        )?))
    }
}

/// In logs and errors.
const NAME: &str = "tensorflow";

#[cfg(test)]
mod tests;
