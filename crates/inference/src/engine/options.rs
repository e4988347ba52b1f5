//! What engines are told once, before any model.

use super::ort::OrtOptions;
use super::tensorflow::{LibraryOptions, SessionOptions};

/// Settings of all engines.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Whether models come from somebody who does not trust the host: nothing of them may touch a disk, and libraries
    /// are taken by digest only.
    pub confidential: bool,
    /// TensorFlow's library.
    pub tensorflow: LibraryOptions,
    /// TensorFlow's sessions.
    pub session: SessionOptions,
    /// What runs ONNX models.
    pub onnx_engine: OnnxEngine,
    /// ONNX Runtime's library and sessions.
    pub ort: OrtOptions,
    /// Tags of the graph that is served, of those that a SavedModel has.
    pub saved_model_tags: Vec<String>,
}

/// What runs ONNX models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnnxEngine {
    /// Part of this program: nothing to install, smallest trusted computing base.
    #[default]
    Embedded,
    /// ONNX Runtime's library: more operators and element types, mostly faster.
    OnnxRuntime,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            confidential: false,
            tensorflow: LibraryOptions::default(),
            session: SessionOptions::default(),
            onnx_engine: OnnxEngine::default(),
            ort: OrtOptions::default(),
            saved_model_tags: vec![TAG_SERVE.to_owned()],
        }
    }
}

/// What TensorFlow tags graphs for serving with.
const TAG_SERVE: &str = "serve";
