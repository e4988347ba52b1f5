//! From a plan to versions that answer: find, open, load, check against the reference, make available.

use std::sync::Arc;

use strongroom_bundle::BundleError;

use super::bundle;
use super::files::ModelFiles;
use super::keys::KeyError;
use super::plain;
use super::plan::{ModelPlan, Source};
use super::reference::{self, ReferenceError};
use super::registry::{Model, Servable, State};
use crate::engine::{Engine, EngineError, Executable};
use crate::metrics::{Metrics, Phase};

/// Why a model cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bundle, or the place where models lie, is not as it must be.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The key is not to be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The engine refuses the model.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The model does not answer its reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// An encrypted bundle without a digest to open it by.
    #[error("the model is an encrypted bundle: its digest must be given (--model_bundle_digest=NAME=HEX)")]
    DigestRequired,
    /// Nothing that could be a version.
    #[error(
        "No versions of servable found under base path {base}. Did you forget to name your leaf directory as a number \
         (eg. '/1/')?"
    )]
    NoVersion {
        /// Where it was looked for.
        base: String,
    },
    /// No engine knows this kind of model.
    #[error("no engine of this server takes this kind of model")]
    Unsupported,
    /// Loading broke off.
    #[error("loading the model broke off")]
    Broken,
}

impl LoadError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bundle(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Engine(error) => error.code(),
            Self::Reference(error) => error.code(),
            Self::DigestRequired => "bundle.digest_required",
            Self::NoVersion { .. } => "model.no_version",
            Self::Unsupported => "model.unsupported",
            Self::Broken => "model.engine",
        }
    }
}

/// What loading needs beside the plan.
#[derive(Clone)]
pub struct Loader {
    /// Engines, asked in order.
    pub engines: Vec<Arc<dyn Engine>>,
    /// Where phases are noted.
    pub metrics: Arc<Metrics>,
}

impl Loader {
    /// Loads every version that the plan allows and the store holds, and makes each available in `model`.
    ///
    /// # Errors
    /// When one cannot be loaded, or there is none.
    pub async fn load(&self, plan: &ModelPlan, model: &Model) -> Result<(), LoadError> {
        match &plan.source {
            Source::Plain { base } => {
                for candidate in plain::find(base, &plan.versions).await? {
                    let opened = async {
                        let mut files = plain::read(&candidate).await?;
                        let reference = files.take(strongroom_bundle::REFERENCE_NAME);
                        Ok((files, reference))
                    };
                    self.version(model, candidate.version, opened).await?;
                }
                Ok(())
            }
            Source::Bundles {
                store,
                digests,
                key_id,
                keys,
            } => {
                for candidate in bundle::find(store, digests).await? {
                    let version = candidate.version;
                    let opened = async {
                        let key = bundle::key(&candidate, *key_id, keys.as_ref())?;
                        self.metrics.phase(model.name(), version, Phase::KeyReleased);
                        let first_byte = || {
                            self.metrics
                                .phase(model.name(), version, Phase::FirstByteDecrypted)
                        };
                        let opened = bundle::open(&candidate, &key, first_byte).await?;
                        Ok((opened.files, opened.reference))
                    };
                    self.version(model, version, opened).await?;
                }
                Ok(())
            }
        }
    }

    async fn version(
        &self,
        model: &Model,
        version: i64,
        opened: impl Future<Output = Result<(ModelFiles, Option<Vec<u8>>), LoadError>>,
    ) -> Result<(), LoadError> {
        let name = model.name();
        tracing::info!("Loading servable version {{name: {name} version: {version}}}");
        model.set(version, State::Loading);
        let loaded = async {
            let (files, reference) = opened.await?;
            let engines = self.engines.clone();
            let load = move || start(&engines, files, reference.as_deref());
            tokio::task::spawn_blocking(load)
                .await
                .unwrap_or(Err(LoadError::Broken))
        };
        match loaded.await {
            Ok(executable) => {
                let servable = Arc::new(Servable::new(name, version, executable));
                model.set(version, State::Available(servable));
                self.metrics.phase(name, version, Phase::ModelLoaded);
                tracing::info!("Successfully loaded servable version {{name: {name} version: {version}}}");
                Ok(())
            }
            Err(error) => {
                model.set(version, State::Failed(error.to_string()));
                Err(error)
            }
        }
    }
}

fn start(
    engines: &[Arc<dyn Engine>],
    files: ModelFiles,
    reference: Option<&[u8]>,
) -> Result<Arc<dyn Executable>, LoadError> {
    let engine = engines
        .iter()
        .find(|engine| engine.takes(&files))
        .ok_or(LoadError::Unsupported)?;
    let executable = engine.load(files)?;
    if let Some(json) = reference {
        reference::check(executable.as_ref(), json)?;
    }
    Ok(executable)
}
