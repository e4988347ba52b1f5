//! What the server does for a request, REST and gRPC alike: admit, find, run. Wire formats are decoded before and
//! encoded after.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_api::serving::Code;
use strongroom_crypto::UnixTime;
use strongroom_service::ConnectionInfo;

use crate::clients::Permit;
use crate::engine::{Call, Signature};
use crate::error::RequestError;
use crate::metrics::{Metrics, Phase};
use crate::model::VersionChoice;
use crate::model::registry::{self, Model, Models, Servable};
use crate::queue::Workers;
use crate::tensor::Tensor;
use crate::tensor::proto::Encoding;

/// Gives the time; made in `main.rs`.
pub type Clock = Arc<dyn Fn() -> UnixTime + Send + Sync>;

/// Everything that requests share.
pub struct App {
    /// Models and their versions.
    pub models: Models,
    /// Threads that run models.
    pub workers: Workers,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Clock,
    /// What one request may take.
    pub limits: RequestLimits,
    /// How gRPC answers carry tensors.
    pub encoding: Encoding,
    /// Whether a signature must be meant for the method that is called (`--enable_signature_method_name_check`).
    pub check_method_names: bool,
}

/// What requests may take.
#[derive(Debug, Clone)]
pub struct RequestLimits {
    /// Body of a request, in bytes, after decompression.
    pub body_bytes_max: usize,
    /// Memory of the bodies of all REST requests at once, in bytes. Further ones are refused.
    pub bodies_bytes_max: usize,
    /// Memory of all its tensors together, in bytes.
    pub tensor_bytes_max: usize,
    /// Time for an answer to a REST request.
    pub rest_timeout: Duration,
}

/// Leave to use the model that a request names; empty where no such model is served, which it will be told.
pub type ModelPermit = Option<Permit<Arc<Model>>>;

impl App {
    /// Whether the client of `connection` may predict with the model. Asked before the request's body is read.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub fn admit(
        &self,
        model: &str,
        connection: Option<&Arc<ConnectionInfo>>,
    ) -> Result<ModelPermit, RequestError> {
        let Some(model) = self.models.model(model) else {
            return Ok(None);
        };
        model
            .clients()
            .permit(Arc::clone(&model), connection, (self.clock)())
            .map(Some)
    }

    /// The version that a permitted request means, with the permit to run it.
    ///
    /// # Errors
    /// When it is not available.
    pub fn find<'a>(
        permit: &'a ModelPermit,
        name: &str,
        version: &VersionChoice,
    ) -> Result<(&'a Permit<Arc<Model>>, Arc<Servable>), RequestError> {
        match permit {
            Some(permit) => Ok((permit, permit.subject().find(version)?)),
            None => Err(registry::not_found(name, version)),
        }
    }

    /// The version that a question about a model means; those are for everybody.
    ///
    /// # Errors
    /// When it is not available.
    pub fn describe(&self, name: &str, version: &VersionChoice) -> Result<Arc<Servable>, RequestError> {
        let model = self
            .models
            .model(name)
            .ok_or_else(|| registry::not_found(name, version))?;
        model.find(version)
    }

    /// Runs `work` on a worker thread, for at most `timeout`.
    ///
    /// # Errors
    /// What `work` says; `UNAVAILABLE` when too much waits; `DEADLINE_EXCEEDED`.
    pub async fn work<T: Send + 'static>(
        &self,
        timeout: Option<Duration>,
        work: impl FnOnce() -> Result<T, RequestError> + Send + 'static,
    ) -> Result<T, RequestError> {
        let work = self.workers.run(work);
        match timeout {
            None => work.await,
            Some(timeout) => tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| {
                Err(RequestError::new(
                    Code::DeadlineExceeded,
                    "Timed out running the model",
                ))
            }),
        }
    }

    /// Runs a model, on the calling thread.
    ///
    /// # Errors
    /// What the engine says.
    pub fn infer(
        &self,
        permit: &Permit<Arc<Model>>,
        servable: &Servable,
        call: Call,
        api: &'static str,
    ) -> Result<BTreeMap<String, Tensor>, RequestError> {
        let (model, version) = (servable.model(), servable.version());
        let signature = own_name(servable, &call.signature);
        let begin = Instant::now();
        let outputs = servable.run(permit, call);
        let took = begin.elapsed();
        let succeeded = outputs.is_ok();
        if let Some(signature) = signature {
            self.metrics
                .run(model, version, signature, succeeded.then_some(took));
        }
        if succeeded {
            self.metrics.runtime(model, api, took);
            self.metrics.phase(model, version, Phase::FirstPrediction);
        }
        outputs
    }

    /// Runs several signatures of a model at once, on the calling thread.
    ///
    /// # Errors
    /// What the engine says.
    pub fn infer_together(
        &self,
        permit: &Permit<Arc<Model>>,
        servable: &Servable,
        calls: Vec<Call>,
        api: &'static str,
    ) -> Result<Vec<BTreeMap<String, Tensor>>, RequestError> {
        let (model, version) = (servable.model(), servable.version());
        let signatures = calls
            .iter()
            .filter_map(|call| own_name(servable, &call.signature));
        let signatures = signatures.collect::<Vec<_>>();
        let begin = Instant::now();
        let outputs = servable.run_together(permit, calls);
        let took = begin.elapsed();
        let succeeded = outputs.is_ok();
        for signature in signatures {
            self.metrics
                .run(model, version, signature, succeeded.then_some(took));
        }
        if succeeded {
            self.metrics.runtime(model, api, took);
            self.metrics.phase(model, version, Phase::FirstPrediction);
        }
        outputs
    }

    /// The name under which a model is counted.
    #[must_use]
    pub fn counted<'a>(&self, name: &'a str) -> Option<&'a str> {
        self.models.model(name).map(|_| name)
    }
}

// The model's own copy of a name, which outlives the call and is no name that anybody made up.
fn own_name<'a>(servable: &'a Servable, signature: &str) -> Option<&'a str> {
    let found = servable.signatures().get_key_value(signature);
    found.map(|(name, _)| name.as_str())
}

/// The signature of that name, if the model has it.
#[must_use]
pub fn signature<'a>(servable: &'a Servable, name: &str) -> Option<&'a Signature> {
    servable.signatures().get(name)
}
