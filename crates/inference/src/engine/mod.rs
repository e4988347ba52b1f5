//! What runs a model. An engine takes the files of a model from memory and gives something that can be called.
//!
//! Engines know no network, no key and no version: those are settled before an engine sees a byte. A further engine
//! implements [`Engine`] and [`Executable`], passes `contract::check`, and is listed in [`available`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use strongroom_api::serving::{DataType, PREDICT_METHOD, SignatureDef, TensorInfo, TensorShapeProto};
use strongroom_api::serving::{tensor_info::Encoding, tensor_shape_proto::Dim};

use crate::error::RequestError;
use crate::model::files::ModelFiles;
use crate::tensor::{Tensor, proto};

mod call;
pub mod contract;
mod onnx;
pub mod operators;
pub mod options;
pub mod ort;
pub mod rten;
mod shape;
pub mod tensorflow;

pub use onnx::{OnnxError, is_onnx};
pub use options::{EngineOptions, OnnxEngine};

/// Something that can load models of some kind.
pub trait Engine: Send + Sync {
    /// Its name in logs.
    fn name(&self) -> &'static str;

    /// Whether the files look like a model of its kind; reads names and first bytes only.
    fn takes(&self, files: &ModelFiles) -> bool;

    /// Checks the model against what may run here, then makes it callable.
    ///
    /// # Errors
    /// On a malformed model, on operators outside the allow list, and on what the engine cannot do.
    fn load(&self, files: ModelFiles) -> Result<Arc<dyn Executable>, EngineError>;
}

/// A loaded model. Calls may come from several threads at once and leave nothing behind for the next.
pub trait Executable: Send + Sync {
    /// How it can be called.
    fn signatures(&self) -> &BTreeMap<String, Signature>;

    /// The same for people and tools that ask for metadata: where the model's file has a definition, that one, unchanged.
    fn definitions(&self) -> BTreeMap<String, SignatureDef> {
        let signatures = self.signatures().iter();
        signatures
            .map(|(name, signature)| (name.clone(), signature.to_proto()))
            .collect()
    }

    /// Runs it once, on the calling thread. The call was checked against the signature.
    ///
    /// # Errors
    /// When the inputs do not fit the model, or the engine fails.
    fn run(&self, call: Call) -> Result<BTreeMap<String, Tensor>, RequestError>;

    /// Runs several calls, in one run of the graph where the engine can.
    ///
    /// # Errors
    /// As [`Self::run`]; one call that fails fails all.
    fn run_together(&self, calls: Vec<Call>) -> Result<Vec<BTreeMap<String, Tensor>>, RequestError> {
        calls.into_iter().map(|call| self.run(call)).collect()
    }
}

/// One call of a signature. [`Call::new`] makes it.
#[derive(Debug)]
pub struct Call {
    /// Name of the signature.
    pub signature: String,
    /// Every input of the signature, by alias.
    pub inputs: BTreeMap<String, Tensor>,
    /// Aliases of the outputs to compute; at least one.
    pub outputs: Vec<String>,
    /// When nobody waits for the answer any more.
    pub deadline: Option<Instant>,
}

/// What one way to call a model takes and gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// Inputs by alias.
    pub inputs: BTreeMap<String, TensorSpec>,
    /// Outputs by alias.
    pub outputs: BTreeMap<String, TensorSpec>,
    /// What kind of call it is meant for.
    pub method_name: String,
    /// Values of inputs that a gRPC request may leave out.
    pub defaults: BTreeMap<String, Tensor>,
}

/// Declaration of one input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// The tensor's name inside the graph.
    pub name: String,
    /// Element type.
    pub dtype: DataType,
    /// Sizes, `None` where they may vary; `None` as a whole where even their number may.
    pub shape: Option<Vec<Option<usize>>>,
}

/// Why a model was not loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The files are not a model that can be read.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The engine itself refuses the model.
    #[error("{engine} cannot load the model")]
    Engine {
        /// Name of the engine.
        engine: &'static str,
        /// Its reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The files are no SavedModel that can be served.
    #[error(transparent)]
    SavedModel(#[from] tensorflow::SavedModelError),
    /// The model has operators that may not run here.
    #[error(transparent)]
    Operator(#[from] tensorflow::OperatorError),
    /// TensorFlow's library cannot be loaded.
    #[error(transparent)]
    Library(#[from] tensorflow::LibraryError),
    /// ONNX Runtime's library cannot be used.
    #[error(transparent)]
    OnnxRuntime(#[from] ort::OrtError),
    /// The engine's settings contradict each other.
    #[error(transparent)]
    Session(#[from] tensorflow::SessionError),
    /// The engine holds no elements of this type.
    #[error("{tensor} has element type {dtype}, which {engine} cannot hold")]
    ElementType {
        /// Name of the engine.
        engine: &'static str,
        /// The input or output.
        tensor: String,
        /// Its type.
        dtype: String,
    },
}

impl EngineError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Onnx(error) => error.code(),
            Self::Engine { .. } => "model.engine",
            Self::SavedModel(error) => error.code(),
            Self::Operator(error) => error.code(),
            Self::Library(error) => error.code(),
            Self::OnnxRuntime(error) => error.code(),
            Self::Session(_) => "input.invalid",
            Self::ElementType { .. } => "model.element_type",
        }
    }
}

/// Engines to ask, in this order, for who takes a model.
///
/// # Errors
/// When a library that was asked for by name cannot be loaded.
pub fn available(options: &EngineOptions) -> Result<Vec<Arc<dyn Engine>>, EngineError> {
    // A SavedModel without variables is a single file of protobuf, and so is an ONNX model: names decide before bytes.
    let onnx: Arc<dyn Engine> = match options.onnx_engine {
        OnnxEngine::Embedded => Arc::new(rten::Rten),
        OnnxEngine::OnnxRuntime => Arc::new(ort::OnnxRuntime::new(options)?),
    };
    Ok(vec![Arc::new(tensorflow::TensorFlow::new(options)?), onnx])
}

impl Signature {
    /// A signature for `Predict`.
    #[must_use]
    pub fn predict(inputs: BTreeMap<String, TensorSpec>, outputs: BTreeMap<String, TensorSpec>) -> Self {
        Self {
            inputs,
            outputs,
            method_name: PREDICT_METHOD.to_owned(),
            defaults: BTreeMap::new(),
        }
    }

    /// As metadata shows it.
    #[must_use]
    pub fn to_proto(&self) -> SignatureDef {
        let infos = |specs: &BTreeMap<String, TensorSpec>| {
            specs
                .iter()
                .map(|(alias, spec)| (alias.clone(), spec.to_proto()))
                .collect()
        };
        let encode = |(alias, tensor): (&String, &Tensor)| {
            (
                alias.clone(),
                proto::encode(tensor.clone(), proto::Encoding::Typed),
            )
        };
        SignatureDef {
            inputs: infos(&self.inputs),
            outputs: infos(&self.outputs),
            method_name: self.method_name.clone(),
            defaults: self.defaults.iter().map(encode).collect(),
        }
    }
}

impl TensorSpec {
    fn to_proto(&self) -> TensorInfo {
        let dim = |size: &Option<usize>| Dim {
            size: size.and_then(|size| i64::try_from(size).ok()).unwrap_or(-1),
            name: String::new(),
        };
        TensorInfo {
            encoding: Some(Encoding::Name(self.name.clone())),
            dtype: self.dtype.into(),
            tensor_shape: Some(TensorShapeProto {
                dim: self.shape.iter().flatten().map(dim).collect(),
                unknown_rank: self.shape.is_none(),
            }),
        }
    }
}
