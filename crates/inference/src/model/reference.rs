//! Reference inputs and outputs that a model carries: what it must answer before it is served.
//!
//! Engines have operators that answer wrongly without saying so. The owner knows the right answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use strongroom_api::serving::{DEFAULT_SIGNATURE, DataType};

use crate::each_type;
use crate::engine::{Call, Executable};
use crate::tensor::{Data, Tensor};

/// Why a model fails its reference.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The file is not a reference, or not one for this model.
    #[error("the reference of the model cannot be used: {0}")]
    Malformed(String),
    /// The model does not answer as it should.
    #[error("output {output} differs from the reference")]
    Mismatch {
        /// The output.
        output: String,
    },
    /// The engine refuses the reference inputs.
    #[error("the model does not answer the reference inputs: {0}")]
    Refused(String),
}

impl ReferenceError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "model.reference_malformed",
            Self::Mismatch { .. } | Self::Refused(_) => "model.reference_mismatch",
        }
    }
}

/// Runs the model on the inputs of `json` and compares its answers.
///
/// # Errors
/// When the file is malformed, or the model answers otherwise than it says.
pub fn check(model: &dyn Executable, json: &[u8]) -> Result<(), ReferenceError> {
    let file: File = serde_json::from_slice(json).map_err(|error| malformed(error.to_string()))?;
    let signature = model
        .signatures()
        .get(DEFAULT_SIGNATURE)
        .ok_or_else(|| malformed("no default signature"))?;
    let read = |tensors: BTreeMap<String, TensorJson>| {
        let one = |(name, tensor): (String, TensorJson)| Ok((name, tensor.read()?));
        tensors
            .into_iter()
            .map(one)
            .collect::<Result<BTreeMap<_, _>, ReferenceError>>()
    };
    let (inputs, expected) = (read(file.inputs)?, read(file.outputs)?);
    if expected.is_empty() {
        return Err(malformed("it holds no outputs"));
    }
    let filter: Vec<String> = expected.keys().cloned().collect();
    let call = Call::new(DEFAULT_SIGNATURE, signature, inputs, &filter)
        .map_err(|error| malformed(error.message()))?;
    let found = model
        .run(call)
        .map_err(|error| ReferenceError::Refused(error.message().to_owned()))?;
    for (output, expected) in expected {
        if !found
            .get(&output)
            .is_some_and(|found| agree(&expected, found, file.tolerance))
        {
            return Err(ReferenceError::Mismatch { output });
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    inputs: BTreeMap<String, TensorJson>,
    outputs: BTreeMap<String, TensorJson>,
    /// Largest difference per value; for floating point only.
    tolerance: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TensorJson {
    dtype: String,
    shape: Vec<usize>,
    values: Vec<serde_json::Number>,
}

impl TensorJson {
    fn read(self) -> Result<Tensor, ReferenceError> {
        let values = self.values;
        let float = |value: &serde_json::Number| value.as_f64();
        let data = match DataType::from_str_name(&self.dtype) {
            Some(DataType::DtFloat) => {
                convert(&values, |value| float(value).map(|value| value as f32)).map(Data::Float)
            }
            Some(DataType::DtDouble) => convert(&values, float).map(Data::Double),
            Some(DataType::DtInt8) => convert(&values, whole).map(Data::Int8),
            Some(DataType::DtInt16) => convert(&values, whole).map(Data::Int16),
            Some(DataType::DtInt32) => convert(&values, whole).map(Data::Int32),
            Some(DataType::DtInt64) => convert(&values, whole).map(Data::Int64),
            Some(DataType::DtUint8) => convert(&values, whole).map(Data::UInt8),
            Some(DataType::DtBool) => {
                convert(&values, |value| value.as_u64().map(|value| value != 0)).map(Data::Bool)
            }
            _ => None,
        };
        let data = data.ok_or_else(|| malformed(format!("values are not of type {}", self.dtype)))?;
        Tensor::new(self.shape, data).map_err(|error| malformed(error.to_string()))
    }
}

fn convert<T>(
    values: &[serde_json::Number],
    one: impl Fn(&serde_json::Number) -> Option<T>,
) -> Option<Vec<T>> {
    values.iter().map(one).collect()
}

fn whole<T: TryFrom<i64>>(value: &serde_json::Number) -> Option<T> {
    value.as_i64().and_then(|value| T::try_from(value).ok())
}

// NaN agrees with nothing: a comparison that a NaN passes is none.
fn agree(expected: &Tensor, found: &Tensor, tolerance: f64) -> bool {
    if expected.shape() != found.shape() || expected.dtype() != found.dtype() {
        return false;
    }
    let near = |a: f64, b: f64| (a - b).abs() <= tolerance;
    match (expected.data(), found.data()) {
        (Data::Float(a), Data::Float(b)) => a.iter().zip(b).all(|(a, b)| near(f64::from(*a), f64::from(*b))),
        (Data::Double(a), Data::Double(b)) => a.iter().zip(b).all(|(a, b)| near(*a, *b)),
        (a, b) => each_type!(a, values => !values.is_empty() || b.is_empty()) && a == b,
    }
}

fn malformed(why: impl Into<String>) -> ReferenceError {
    ReferenceError::Malformed(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Signature, TensorSpec};
    use crate::error::RequestError;

    /// Answers its input, or something else.
    struct Echo {
        signatures: BTreeMap<String, Signature>,
        answer: Option<f32>,
    }

    impl Executable for Echo {
        fn signatures(&self) -> &BTreeMap<String, Signature> {
            &self.signatures
        }

        fn run(&self, mut call: Call) -> Result<BTreeMap<String, Tensor>, RequestError> {
            let x = call.inputs.remove("x").expect("checked");
            let y = match self.answer {
                Some(value) => Tensor::new(vec![1], Data::Float(vec![value])).expect("one element"),
                None => x,
            };
            Ok(BTreeMap::from([("y".to_owned(), y)]))
        }
    }

    fn outcome(answer: Option<f32>, json: &str) -> &'static str {
        let spec = |name: &str| {
            let spec = TensorSpec {
                name: name.to_owned(),
                dtype: DataType::DtFloat,
                shape: None,
            };
            BTreeMap::from([(name.to_owned(), spec)])
        };
        let signature = Signature::predict(spec("x"), spec("y"));
        let echo = Echo {
            signatures: BTreeMap::from([(DEFAULT_SIGNATURE.to_owned(), signature)]),
            answer,
        };
        check(&echo, json.as_bytes()).map_or_else(|error| error.code(), |()| "ok")
    }

    const GOOD: &str = r#"{"inputs":{"x":{"dtype":"DT_FLOAT","shape":[1],"values":[2]}},
        "outputs":{"y":{"dtype":"DT_FLOAT","shape":[1],"values":[2.0]}},"tolerance":0.5}"#;

    #[test]
    fn refuses_what_it_should() {
        assert_eq!(outcome(None, GOOD), "ok");
        assert_eq!(outcome(Some(2.5), GOOD), "ok");
        assert_eq!(outcome(Some(2.6), GOOD), "model.reference_mismatch");
        assert_eq!(outcome(Some(f32::NAN), GOOD), "model.reference_mismatch");
        assert_eq!(
            outcome(None, &GOOD.replace("[1]", "[2]")),
            "model.reference_malformed"
        );
        assert_eq!(
            outcome(None, &GOOD.replace("\"y\"", "\"z\"")),
            "model.reference_malformed"
        );
        assert_eq!(
            outcome(None, &GOOD.replace("\"x\"", "\"z\"")),
            "model.reference_malformed"
        );
        assert_eq!(
            outcome(None, &GOOD.replace("DT_FLOAT", "DT_NOTHING")),
            "model.reference_malformed"
        );
        assert_eq!(
            outcome(None, r#"{"inputs":{},"outputs":{},"tolerance":0}"#),
            "model.reference_malformed"
        );
        assert_eq!(outcome(None, "{"), "model.reference_malformed");
    }
}
