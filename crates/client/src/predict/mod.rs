//! Predictions over a verified channel, in TensorFlow Serving's REST and gRPC.

mod channel;
mod grpc;
mod http;
mod image;
mod npy;
mod signature;
mod tensor;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

pub use self::channel::{Protocol, Server, VerifiedChannel};
pub use self::image::Image;
pub use self::signature::{Signature, TensorSpec};
pub use self::tensor::Tensor;
use crate::error::Error;

/// What is asked. `Debug` tells its kind and size: what somebody asks is nobody else's business.
#[derive(Clone)]
pub enum Input {
    /// A predict body as TensorFlow Serving takes it, `{"instances": …}` or `{"inputs": …}`, or the list of instances.
    Json(Value),
    /// Pictures, one for each row; width, height and channels have to be the model's.
    Images(Vec<Image>),
    /// Tensors by the name of the input; an empty name means the model's only input.
    Tensors(BTreeMap<String, Tensor>),
}

impl Input {
    /// Reads a tensor file: NumPy's `.npy`, or JSON `{"inputs": {NAME: {"dtype", "shape", "values"}}}`.
    ///
    /// # Errors
    /// [`Error::Input`].
    pub fn tensors(bytes: &[u8]) -> Result<Self, Error> {
        if npy::is_npy(bytes) {
            return Ok(Self::Tensors(BTreeMap::from([(
                String::new(),
                npy::read(bytes)?,
            )])));
        }
        tensor::read_json(bytes).map(Self::Tensors)
    }

    /// Reads a predict body, or a bare list of instances.
    ///
    /// # Errors
    /// [`Error::Input`].
    pub fn instances(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes)
            .map(Self::Json)
            .map_err(|error| Error::input("instances", error))
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(_) => f.write_str("Json([REDACTED])"),
            Self::Images(images) => write!(f, "Images({} × [REDACTED])", images.len()),
            Self::Tensors(tensors) => f.debug_tuple("Tensors").field(tensors).finish(),
        }
    }
}

/// What the model answers: each output by its name, nested lists with the rows outermost. `Debug` keeps it to itself.
#[derive(Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// Name of the model.
    pub model: String,
    /// Version that answered, where the server says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// By name.
    pub outputs: BTreeMap<String, Value>,
}

impl fmt::Debug for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Prediction({}, {} outputs, [REDACTED])",
            self.model,
            self.outputs.len()
        )
    }
}

impl Prediction {
    /// Number of rows, where all outputs agree on one.
    #[must_use]
    pub fn rows(&self) -> Option<usize> {
        let mut lengths = self
            .outputs
            .values()
            .map(|output| output.as_array().map(Vec::len));
        let first = lengths.next()??;
        lengths.all(|length| length == Some(first)).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_asked_and_answered_is_never_printed() {
        let tensor = Tensor::new(vec![1], vec![json!(4711)]).expect("one value");
        let prediction = Prediction {
            model: "digits".to_owned(),
            version: None,
            outputs: BTreeMap::from([("digit".to_owned(), json!([4711]))]),
        };
        let printed = [
            format!("{:?}", Input::Json(json!([4711]))),
            format!("{:?}", Input::Tensors(BTreeMap::from([("x".to_owned(), tensor)]))),
            format!("{prediction:?}"),
        ];
        for text in printed {
            assert!(!text.contains("4711"), "{text}");
        }
    }
}
