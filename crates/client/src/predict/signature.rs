//! What a model takes and gives: names, types and shapes, as TensorFlow Serving's metadata states them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use strongroom_api::serving::{DataType, SignatureDef, TensorInfo};

use crate::error::Error;

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// By name.
    pub inputs: BTreeMap<String, TensorSpec>,
    /// By name.
    pub outputs: BTreeMap<String, TensorSpec>,
}

/// Type and shape of a tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorSpec {
    /// `DT_FLOAT` and others, as TensorFlow names them.
    pub dtype: String,
    /// Sizes, outermost first; -1 where any will do. None where even the rank is open.
    pub shape: Option<Vec<i64>>,
}

impl Signature {
    /// The only input.
    ///
    /// # Errors
    /// [`Error::Input`] where there are several, which have to be named then.
    pub fn only_input(&self) -> Result<(&str, &TensorSpec), Error> {
        let mut inputs = self.inputs.iter();
        match (inputs.next(), inputs.next()) {
            (Some((name, spec)), None) => Ok((name, spec)),
            (None, _) => Err(Error::input("input", "the model takes none")),
            _ => {
                let names: Vec<_> = self.inputs.keys().map(String::as_str).collect();
                Err(Error::input(
                    "input",
                    format!("the model takes several: {}", names.join(", ")),
                ))
            }
        }
    }

    /// One input.
    ///
    /// # Errors
    /// [`Error::Input`] where the model has none of this name.
    pub fn input(&self, name: &str) -> Result<&TensorSpec, Error> {
        self.inputs.get(name).ok_or_else(|| {
            let names: Vec<_> = self.inputs.keys().map(String::as_str).collect();
            Error::input(
                format!("input `{name}`"),
                format!("the model takes {}", names.join(", ")),
            )
        })
    }

    pub(super) fn from_proto(signature: &SignatureDef) -> Self {
        let specs = |tensors: &BTreeMap<String, TensorInfo>| {
            tensors
                .iter()
                .map(|(name, info)| (name.clone(), TensorSpec::from_proto(info)))
                .collect()
        };
        Self {
            inputs: specs(&signature.inputs),
            outputs: specs(&signature.outputs),
        }
    }

    /// Reads one signature of the REST metadata: `{"inputs": {NAME: {"dtype", "tensor_shape"}}, …}`.
    pub(super) fn from_json(signature: &Value) -> Option<Self> {
        let specs = |part: &Value| -> Option<BTreeMap<String, TensorSpec>> {
            let tensors = part.as_object()?;
            tensors
                .iter()
                .map(|(name, info)| Some((name.clone(), TensorSpec::from_json(info)?)))
                .collect()
        };
        Some(Self {
            inputs: specs(&signature["inputs"])?,
            outputs: specs(&signature["outputs"])?,
        })
    }
}

impl TensorSpec {
    /// The number of the type on the wire.
    pub(super) fn data_type(&self) -> DataType {
        DataType::from_str_name(&self.dtype).unwrap_or(DataType::DtInvalid)
    }

    fn from_proto(info: &TensorInfo) -> Self {
        let dtype = DataType::try_from(info.dtype).unwrap_or(DataType::DtInvalid);
        let shape = info.tensor_shape.as_ref().filter(|shape| !shape.unknown_rank);
        Self {
            dtype: dtype.as_str_name().to_owned(),
            shape: shape.map(|shape| shape.dim.iter().map(|dim| dim.size).collect()),
        }
    }

    fn from_json(info: &Value) -> Option<Self> {
        let shape = &info["tensor_shape"];
        let sizes = shape["dim"].as_array().map_or(&[][..], Vec::as_slice);
        // Protobuf's JSON writes 64-bit integers as text.
        let size = |dim: &Value| match &dim["size"] {
            Value::String(text) => text.parse().ok(),
            number => number.as_i64(),
        };
        let sizes: Option<Vec<i64>> = sizes.iter().map(size).collect();
        let open = shape["unknown_rank"].as_bool().unwrap_or(false);
        Some(Self {
            dtype: info["dtype"].as_str()?.to_owned(),
            shape: if open { None } else { Some(sizes?) },
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn digits() -> Signature {
        let spec = |dtype: &str, shape: &[i64]| TensorSpec {
            dtype: dtype.to_owned(),
            shape: Some(shape.to_vec()),
        };
        Signature {
            inputs: BTreeMap::from([("image".to_owned(), spec("DT_FLOAT", &[-1, 8, 8, 1]))]),
            outputs: BTreeMap::from([
                ("digit".to_owned(), spec("DT_INT64", &[-1])),
                ("probabilities".to_owned(), spec("DT_FLOAT", &[-1, 10])),
            ]),
        }
    }

    #[test]
    fn metadata_reads_as_tensorflow_serving_writes_it() {
        let dims = serde_json::json!([{"size": "-1", "name": ""}, {"size": "8", "name": ""}, {"size": 8}, {"size": "1"}]);
        let json = serde_json::json!({
            "inputs": {"image": {"dtype": "DT_FLOAT", "name": "x:0",
                "tensor_shape": {"dim": dims, "unknown_rank": false}}},
            "outputs": {
                "digit": {"dtype": "DT_INT64", "tensor_shape": {"dim": [{"size": "-1"}]}},
                "probabilities": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "10"}]}},
            },
        });
        assert_eq!(Signature::from_json(&json), Some(digits()));
        assert_eq!(
            Signature::from_json(&serde_json::json!({"inputs": {"x": {}}, "outputs": {}})),
            None
        );
    }

    #[test]
    fn an_input_that_is_not_there_is_told_with_those_that_are() {
        let signature = digits();
        assert_eq!(signature.only_input().unwrap().0, "image");
        let error = signature.input("picture").unwrap_err().to_string();
        assert!(error.contains("the model takes image"), "{error}");
    }
}
