//! A loaded model: a few sessions, each for one call at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use ::ort::session::{RunOptions, Session, SessionInputValue};
use ::ort::{Error, ErrorCode};
use strongroom_api::serving::{Code, DEFAULT_SIGNATURE};

use super::values;
use super::watch::WATCH;
use crate::engine::shape::{self, Fed};
use crate::engine::{Call, Executable, Signature};
use crate::error::RequestError;
use crate::tensor::Tensor;

pub(super) struct Loaded {
    signatures: BTreeMap<String, Signature>,
    idle: Mutex<Vec<Session>>,
    returned: Condvar,
}

impl Loaded {
    pub(super) fn new(signatures: BTreeMap<String, Signature>, sessions: Vec<Session>) -> Self {
        Self {
            signatures,
            idle: Mutex::new(sessions),
            returned: Condvar::new(),
        }
    }

    fn signature(&self) -> &Signature {
        &self.signatures[DEFAULT_SIGNATURE]
    }

    /// A session that nobody uses, as soon as there is one.
    fn borrow(&self, deadline: Option<Instant>) -> Result<Borrowed<'_>, RequestError> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(session) = idle.pop() {
                return Ok(Borrowed(self, Some(session)));
            }
            idle = match deadline {
                None => self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(late());
                    }
                    let waited = self.returned.wait_timeout(idle, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn read(&self, alias: &str, outputs: &::ort::session::SessionOutputs<'_>, fed: &[Fed]) -> Option<Tensor> {
        let spec = &self.signature().outputs[alias];
        let tensor = values::from_engine(outputs.get(&spec.name)?, spec.dtype)?;
        match shape::answer(tensor.shape(), fed) {
            None => Some(tensor),
            Some(sent) => Tensor::new(sent, tensor.into_parts().1).ok(),
        }
    }
}

impl Executable for Loaded {
    fn signatures(&self) -> &BTreeMap<String, Signature> {
        &self.signatures
    }

    fn run(&self, call: Call) -> Result<BTreeMap<String, Tensor>, RequestError> {
        if call.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(late());
        }
        let mut fed = Vec::with_capacity(call.inputs.len());
        let mut inputs: Vec<(String, SessionInputValue<'_>)> = Vec::with_capacity(call.inputs.len());
        for (alias, tensor) in call.inputs {
            let spec = &self.signature().inputs[&alias];
            let fit = shape::fit(&alias, spec, tensor.shape())?;
            let value =
                values::to_engine(fit.fed.clone(), tensor.into_parts().1).map_err(|error| refusal(&error))?;
            inputs.push((spec.name.clone(), value));
            fed.push(fit);
        }
        let mut session = self.borrow(call.deadline)?;
        let session = session.1.as_mut().expect("held until this is dropped");
        let options = Arc::new(RunOptions::new().map_err(|error| refusal(&error))?);
        let watched = call
            .deadline
            .map(|deadline| WATCH.until(deadline, Arc::clone(&options)));
        let watched = watched
            .transpose()
            .map_err(|_| RequestError::new(Code::ResourceExhausted, "no thread to watch the deadline"))?;
        let ran = session.run_with_options(inputs, &options);
        drop(watched);
        let outputs = ran.map_err(|error| match call.deadline {
            Some(deadline) if deadline <= Instant::now() => late(),
            _ => refusal(&error),
        })?;
        let one = |alias: String| {
            let tensor = self.read(&alias, &outputs, &fed).ok_or_else(|| {
                RequestError::new(
                    Code::Internal,
                    "the model gave an output that is not of its declared type",
                )
            })?;
            Ok((alias, tensor))
        };
        call.outputs.into_iter().map(one).collect()
    }
}

/// Goes back when it is dropped, whatever happened in between.
struct Borrowed<'a>(&'a Loaded, Option<Session>);

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.1.take());
        self.0.returned.notify_one();
    }
}

fn late() -> RequestError {
    RequestError::new(
        Code::DeadlineExceeded,
        "the deadline passed before the model had answered",
    )
}

// The library's own text names nodes and shapes of the model, which are the owner's: it goes to the log, not to the peer.
fn refusal(error: &Error) -> RequestError {
    tracing::debug!(%error, "the engine refused a call");
    match error.code() {
        // An operator that fails in a model that was loaded fails for what it was given.
        ErrorCode::InvalidArgument | ErrorCode::RuntimeException | ErrorCode::GenericFailure => {
            RequestError::invalid("the inputs do not fit the model")
        }
        _ => RequestError::new(Code::Internal, "the model could not be run on these inputs"),
    }
}
