//! Regress: what a signature for it must be, and how its output becomes numbers.

use std::collections::BTreeMap;

use strongroom_api::serving::{DataType, REGRESS_METHOD, Regression, RegressionResult};

use super::examples::INPUT;
use super::text;
use crate::app::App;
use crate::engine::Signature;
use crate::error::RequestError;
use crate::tensor::{Data, Tensor};

/// Checks the signature.
pub(super) fn check(app: &App, signature: &Signature) -> Result<(), RequestError> {
    if app.check_method_names && signature.method_name != REGRESS_METHOD {
        return Err(RequestError::invalid(format!(
            "Expected regression signature method_name to be {REGRESS_METHOD}. Was: {}",
            signature.method_name
        )));
    }
    if signature.inputs.len() != 1 {
        return Err(RequestError::invalid("Expected one input Tensor."));
    }
    if signature.outputs.len() != 1 {
        return Err(RequestError::invalid("Expected one output Tensor."));
    }
    if !signature.inputs.contains_key(INPUT) {
        return Err(RequestError::invalid(format!(
            "No regression inputs found in SignatureDef: {}",
            text::signature(signature)
        )));
    }
    if !signature.outputs.contains_key(OUTPUT) {
        return Err(RequestError::invalid(format!(
            "No regression outputs found in SignatureDef: {}",
            text::signature(signature)
        )));
    }
    Ok(())
}

/// The alias of the output that holds the numbers.
pub(super) fn outputs(_signature: &Signature) -> Vec<String> {
    vec![OUTPUT.to_owned()]
}

/// Numbers of `count` rows.
pub(super) fn result(
    outputs: &BTreeMap<String, Tensor>,
    count: usize,
) -> Result<RegressionResult, RequestError> {
    let Some(output) = outputs.get(OUTPUT) else {
        return Err(RequestError::invalid("Expected one output Tensor."));
    };
    let shape = output.shape();
    if !(shape.len() == 1 || (shape.len() == 2 && shape[1] == 1)) {
        return Err(RequestError::invalid(format!(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {}",
            text::shape(shape)
        )));
    }
    if shape[0] != count {
        return Err(RequestError::invalid(format!(
            "Input batch size did not match output batch size: {count} vs. {}",
            shape[0]
        )));
    }
    let Data::Float(values) = output.data() else {
        return Err(RequestError::invalid(format!(
            "Expected output Tensor of {}.  Got: {}",
            DataType::DtFloat.as_str_name(),
            output.dtype().as_str_name()
        )));
    };
    Ok(RegressionResult {
        regressions: values.iter().map(|&value| Regression { value }).collect(),
    })
}

/// Alias of the output that holds the numbers.
const OUTPUT: &str = "outputs";
