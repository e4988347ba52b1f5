//! What ONNX Runtime computes on.

use ::ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};

use super::library::OrtError;

/// An execution provider, by the name that a flag gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "one variant per name")]
pub enum Provider {
    Cpu,
    Cuda,
    TensorRt,
    OpenVino,
    OneDnn,
    Xnnpack,
}

impl Provider {
    /// The provider that a flag means.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.into_iter().find(|provider| provider.name() == name.trim())
    }

    /// All names that flags may give.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALL.into_iter().map(Self::name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::OpenVino => "openvino",
            Self::OneDnn => "onednn",
            Self::Xnnpack => "xnnpack",
        }
    }

    fn is_available(self) -> bool {
        let available = match self {
            Self::Cpu => ep::CPU::is_available(),
            Self::Cuda => ep::CUDA::is_available(),
            Self::TensorRt => ep::TensorRT::is_available(),
            Self::OpenVino => ep::OpenVINO::is_available(),
            Self::OneDnn => ep::OneDNN::is_available(),
            Self::Xnnpack => ep::XNNPACK::is_available(),
        };
        available.unwrap_or(false)
    }

    // One that fails to start must not be replaced by the processor in silence.
    fn dispatch(self) -> ExecutionProviderDispatch {
        let dispatch: ExecutionProviderDispatch = match self {
            Self::Cpu => ep::CPU::default().build(),
            Self::Cuda => ep::CUDA::default().build(),
            Self::TensorRt => ep::TensorRT::default().build(),
            Self::OpenVino => ep::OpenVINO::default().build(),
            Self::OneDnn => ep::OneDNN::default().build(),
            Self::Xnnpack => ep::XNNPACK::default().build(),
        };
        dispatch.error_on_failure()
    }
}

/// Refuses a provider that the library was built without.
pub(super) fn check(providers: &[Provider]) -> Result<(), OrtError> {
    match providers.iter().find(|provider| !provider.is_available()) {
        None => Ok(()),
        Some(missing) => Err(OrtError::Provider(missing.name())),
    }
}

pub(super) fn dispatches(providers: &[Provider]) -> Vec<ExecutionProviderDispatch> {
    providers.iter().map(|provider| provider.dispatch()).collect()
}

const ALL: [Provider; 6] = [
    Provider::Cpu,
    Provider::Cuda,
    Provider::TensorRt,
    Provider::OpenVino,
    Provider::OneDnn,
    Provider::Xnnpack,
];
