//! Classify: what a signature for it must be, and how its outputs become classes.

use std::collections::BTreeMap;

use strongroom_api::serving::{CLASSIFY_METHOD, Class, ClassificationResult, Classifications, DataType};

use super::examples::INPUT;
use super::text;
use crate::app::App;
use crate::engine::Signature;
use crate::error::RequestError;
use crate::tensor::{Data, Tensor};

/// Checks the signature.
pub(super) fn check(app: &App, signature: &Signature) -> Result<(), RequestError> {
    if app.check_method_names && signature.method_name != CLASSIFY_METHOD {
        return Err(RequestError::invalid(format!(
            "Expected classification signature method_name to be {CLASSIFY_METHOD}. Was: {}",
            signature.method_name
        )));
    }
    if signature.inputs.len() != 1 {
        return Err(RequestError::invalid("Expected one input Tensor."));
    }
    if !(1..=2).contains(&signature.outputs.len()) {
        return Err(RequestError::invalid(format!(
            "Expected one or two output Tensors, found {}",
            signature.outputs.len()
        )));
    }
    if !signature.inputs.contains_key(INPUT) {
        return Err(RequestError::invalid(format!(
            "No classification inputs found in SignatureDef: {}",
            text::signature(signature)
        )));
    }
    if outputs(signature).is_empty() {
        return Err(RequestError::invalid(format!(
            "Expected classification signature outputs to contain at least one of \"classes\" or \"scores\". Signature \
             was: {}",
            text::signature(signature)
        )));
    }
    Ok(())
}

/// Aliases of the outputs that make classes.
pub(super) fn outputs(signature: &Signature) -> Vec<String> {
    let known = [CLASSES, SCORES].into_iter();
    known
        .filter(|alias| signature.outputs.contains_key(*alias))
        .map(str::to_owned)
        .collect()
}

/// Classes of `count` rows.
pub(super) fn result(
    outputs: &BTreeMap<String, Tensor>,
    count: usize,
) -> Result<ClassificationResult, RequestError> {
    let labels = outputs.get(CLASSES);
    let scores = outputs.get(SCORES);
    if let Some(labels) = labels {
        check_output(labels, CLASSES, DataType::DtString, count)?;
    }
    if let Some(scores) = scores {
        check_output(scores, SCORES, DataType::DtFloat, count)?;
    }
    let width = |tensor: &Tensor| tensor.shape()[1];
    if let (Some(labels), Some(scores)) = (labels, scores)
        && width(labels) != width(scores)
    {
        return Err(RequestError::invalid(format!(
            "Tensors class and score should match in dim_size(1). Got {} vs. {}",
            width(labels),
            width(scores)
        )));
    }
    let classes = labels.or(scores).map_or(0, width);
    let class = |index: usize| Class {
        label: match labels.map(Tensor::data) {
            Some(Data::String(labels)) => String::from_utf8_lossy(&labels[index]).into_owned(),
            _ => String::new(),
        },
        score: match scores.map(Tensor::data) {
            Some(Data::Float(scores)) => scores[index],
            _ => 0.0,
        },
    };
    let row = |row: usize| Classifications {
        classes: (row * classes..(row + 1) * classes).map(class).collect(),
    };
    Ok(ClassificationResult {
        classifications: (0..count).map(row).collect(),
    })
}

fn check_output(tensor: &Tensor, alias: &str, dtype: DataType, count: usize) -> Result<(), RequestError> {
    let shape = tensor.shape();
    if shape.len() != 2 {
        return Err(RequestError::invalid(format!(
            "Expected Tensor shape: [batch_size num_classes] but got {}",
            text::shape(shape)
        )));
    }
    if tensor.dtype() != dtype {
        return Err(RequestError::invalid(format!(
            "Expected {alias} Tensor of {}. Got: {}",
            dtype.as_str_name(),
            tensor.dtype().as_str_name()
        )));
    }
    if shape[0] != count {
        return Err(RequestError::invalid(format!(
            "Expected {alias} output batch size of {count}. Got: {}",
            shape[0]
        )));
    }
    Ok(())
}

const CLASSES: &str = "classes";
const SCORES: &str = "scores";
