//! A loaded SavedModel.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::Arc;
use std::time::Instant;

use strongroom_api::serving::{Code, SignatureDef};

use super::memory::MemoryFolder;
use super::pace::{Late, Pace};
use super::saved_model::{self, Graph, SavedModelError};
use super::session::Threads;
use super::sys::{Api, Output, Session};
use super::{NAME, values};
use crate::engine::{Call, EngineError, Executable, Signature};
use crate::error::RequestError;
use crate::model::files::ModelFiles;
use crate::tensor::Tensor;

/// The model, ready for calls from any thread.
pub(super) struct Loaded {
    api: Arc<Api>,
    session: Session,
    pace: Pace,
    signatures: BTreeMap<String, Signature>,
    definitions: BTreeMap<String, SignatureDef>,
    /// Where each tensor that a signature names is in the graph.
    tensors: BTreeMap<String, Output>,
}

pub(super) fn load(
    api: &Arc<Api>,
    graph: &Graph,
    files: ModelFiles,
    config: &[u8],
    threads: Threads,
) -> Result<Loaded, EngineError> {
    let definitions = graph.definitions();
    let mut signatures = definitions
        .iter()
        .map(|(name, definition)| Ok((name.clone(), saved_model::signature(name, definition)?)))
        .collect::<Result<BTreeMap<_, _>, SavedModelError>>()?;
    let refused =
        |source: Box<dyn std::error::Error + Send + Sync>| EngineError::Engine { engine: NAME, source };
    let tags = graph.tags.iter().map(|tag| CString::new(tag.as_bytes()));
    let tags = tags
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refused(error.into()))?;
    let session = {
        let folder = MemoryFolder::new(files).map_err(|error| refused(error.into()))?;
        let path = folder.path().map_err(|error| refused(error.into()))?;
        Session::load(api, &path, &tags, config).map_err(|failure| {
            // The folder's name means nothing to anybody.
            let text = failure.message.replace(&*path.to_string_lossy(), "the model");
            refused(text.into())
        })?
    };
    // A tensor that the graph lacks spoils the calls that need it, and no others.
    let specs = signatures
        .values()
        .flat_map(|signature| signature.inputs.values().chain(signature.outputs.values()));
    let tensors: BTreeMap<String, Output> = specs
        .filter(|spec| !spec.name.is_empty())
        .filter_map(|spec| Some((spec.name.clone(), session.output(&spec.name)?)))
        .collect();
    // What is fed must be of the graph's type, whatever the signature declares: there are models that declare another.
    let inputs = signatures
        .values_mut()
        .flat_map(|signature| signature.inputs.values_mut());
    for input in inputs {
        if let Some(output) = tensors.get(&input.name) {
            input.dtype = saved_model::plain_type(session.output_type(*output));
        }
    }
    Ok(Loaded {
        api: Arc::clone(api),
        session,
        pace: Pace::new(threads, graph.meta.graph_def.as_ref()),
        signatures,
        definitions,
        tensors,
    })
}

impl Loaded {
    fn tensor(&self, name: &str) -> Result<Output, RequestError> {
        let missing = || {
            let text = format!(
                "Tensor {name}, specified in either feed_devices or fetch_devices was not found in the Graph"
            );
            RequestError::invalid(text)
        };
        self.tensors.get(name).copied().ok_or_else(missing)
    }
}

impl Executable for Loaded {
    fn signatures(&self) -> &BTreeMap<String, Signature> {
        &self.signatures
    }

    fn definitions(&self) -> BTreeMap<String, SignatureDef> {
        self.definitions.clone()
    }

    fn run(&self, call: Call) -> Result<BTreeMap<String, Tensor>, RequestError> {
        let mut outputs = self.run_together(vec![call])?;
        Ok(outputs.pop().unwrap_or_default())
    }

    fn run_together(&self, calls: Vec<Call>) -> Result<Vec<BTreeMap<String, Tensor>>, RequestError> {
        let deadline = calls.iter().filter_map(|call| call.deadline).min();
        let mut feeds = Vec::new();
        let mut bytes = 0;
        let mut fed = Vec::new();
        let mut fetches = Vec::new();
        let mut asked = Vec::with_capacity(calls.len());
        for call in calls {
            let signature = self.signatures.get(&call.signature).ok_or_else(|| {
                let text = "the call is of a signature that the model does not have";
                RequestError::new(Code::Internal, text)
            })?;
            for (alias, tensor) in call.inputs {
                let feed = self.tensor(&signature.inputs[&alias].name)?;
                // Several signatures may take the same tensor, and they are given the same value then.
                if !feeds.contains(&feed) {
                    feeds.push(feed);
                    let value = values::to_library(&self.api, tensor)?;
                    bytes += value.bytes().len();
                    fed.push(value);
                }
            }
            for alias in &call.outputs {
                fetches.push(self.tensor(&signature.outputs[alias].name)?);
            }
            asked.push(call.outputs);
        }
        let start = Instant::now();
        let way = self.pace.way(bytes, deadline, start).map_err(too_late)?;
        let fetched = self.session.run(&way.options(), &feeds, &fed, &fetches);
        self.pace.note(bytes, start.elapsed());
        let fetched = fetched.map_err(values::refused)?;
        let mut fetched = fetched.iter();
        let mut answer = |aliases: Vec<String>| -> Result<BTreeMap<String, Tensor>, RequestError> {
            let named = aliases.into_iter().zip(fetched.by_ref());
            named
                .map(|(alias, value)| values::from_library(&alias, value).map(|tensor| (alias, tensor)))
                .collect()
        };
        asked.into_iter().map(&mut answer).collect()
    }
}

/// In TensorFlow's words for a run that was stopped.
fn too_late(_: Late) -> RequestError {
    RequestError::new(Code::DeadlineExceeded, "Timed out waiting for notification")
}
