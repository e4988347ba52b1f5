//! Which version of a model a request means.

use strongroom_api::serving::{ModelSpec, model_spec::VersionChoice as SpecVersion};

use crate::error::RequestError;

/// Which version of a model is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionChoice {
    /// The newest that is available.
    Latest,
    /// This one.
    Number(i64),
    /// The one that a label stands for.
    Label(String),
}

impl VersionChoice {
    /// As a `ModelSpec` says it.
    #[must_use]
    pub fn to_proto(&self) -> Option<SpecVersion> {
        match self {
            Self::Latest => None,
            Self::Number(number) => Some(SpecVersion::Version(*number)),
            Self::Label(label) => Some(SpecVersion::VersionLabel(label.clone())),
        }
    }
}

/// Name and version of a request's `ModelSpec`.
///
/// # Errors
/// With TensorFlow Serving's texts.
pub fn target(spec: Option<&ModelSpec>) -> Result<(&str, VersionChoice), RequestError> {
    let spec = spec.ok_or_else(|| RequestError::invalid("Missing ModelSpec"))?;
    if spec.name.is_empty() {
        return Err(RequestError::invalid("ModelSpec has no name specified."));
    }
    Ok((&spec.name, version(spec)))
}

/// The version that a `ModelSpec` means.
#[must_use]
pub fn version(spec: &ModelSpec) -> VersionChoice {
    match &spec.version_choice {
        None => VersionChoice::Latest,
        Some(SpecVersion::Version(number)) => VersionChoice::Number(*number),
        Some(SpecVersion::VersionLabel(label)) => VersionChoice::Label(label.clone()),
    }
}
