//! The body of a REST Predict: JSON to tensors of the types that the signature declares.
//!
//! Two forms. Rows (`instances`): a list, one entry per row of the batch. Columns (`inputs`): one value per input.
//! Texts of refusals are TensorFlow Serving's, and echo the caller's own values to the caller only.

use std::collections::BTreeMap;

use strongroom_api::serving::{Code, DEFAULT_SIGNATURE};

use super::allowance::Allowance;
use super::column::{self, Column};
use super::json::{self, ParseError, Value};
use super::stream::Request;
use crate::engine::Signature;
use crate::error::RequestError;
use crate::tensor::Tensor;

/// In which form a request came, and its answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `instances` and `predictions`.
    Rows,
    /// `inputs` and `outputs`.
    Columns,
}

/// A parsed body, before the signature is known.
#[derive(Debug)]
pub struct Body {
    document: Value,
    signature: String,
    tensor_bytes_max: usize,
}

impl Body {
    /// Parses a body as far as it can be read without the model, for tensors of at most `tensor_bytes_max` bytes.
    ///
    /// # Errors
    /// When it is no JSON object, or too large a one, or `signature_name` is no string.
    pub fn parse(text: &[u8], tensor_bytes_max: usize) -> Result<Self, RequestError> {
        let bytes_max = tensor_bytes_max.saturating_mul(DOCUMENT_FACTOR);
        let document = json::parse(text, bytes_max).map_err(|error| match error {
            ParseError::Syntax { .. } => RequestError::invalid(error.to_string()),
            ParseError::TooLarge { .. } => RequestError::new(
                Code::ResourceExhausted,
                format!("{error} ({DOCUMENT_FACTOR} times --max_tensor_bytes)"),
            ),
        })?;
        if !matches!(document, Value::Object(_)) {
            return Err(RequestError::invalid(format!(
                "JSON Value: {} Is not object",
                document.debug()
            )));
        }
        let signature = match document.member("signature_name") {
            None => DEFAULT_SIGNATURE.to_owned(),
            Some(Value::String(name)) if name.is_empty() => DEFAULT_SIGNATURE.to_owned(),
            Some(Value::String(name)) => String::from_utf8_lossy(name).into_owned(),
            Some(_) => {
                return Err(RequestError::invalid(format!(
                    "JSON Value: {} not formatted correctly. 'signature_name' key must be a string value.",
                    document.debug()
                )));
            }
        };
        Ok(Self {
            document,
            signature,
            tensor_bytes_max,
        })
    }

    /// The signature that the body asks for.
    #[must_use]
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// The whole document.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Reads the whole request, for the signature that it names.
    ///
    /// # Errors
    /// When there is no such signature, and as [`Self::inputs`].
    pub fn request<'s>(
        self,
        signature: impl FnOnce(&str) -> Option<&'s Signature>,
    ) -> Result<Request, RequestError> {
        let found = signature(&self.signature).ok_or_else(|| no_signature(&self.signature))?;
        let (form, inputs) = self.inputs(found)?;
        Ok(Request {
            form,
            signature: self.signature,
            inputs,
        })
    }

    /// Reads the inputs that `signature` declares.
    ///
    /// # Errors
    /// When the body does not hold exactly what the signature asks for, or more than tensors may take.
    pub fn inputs(&self, signature: &Signature) -> Result<(Form, BTreeMap<String, Tensor>), RequestError> {
        if signature.inputs.is_empty() {
            let name = if self.signature == DEFAULT_SIGNATURE {
                "DEFAULT"
            } else {
                &self.signature
            };
            return Err(RequestError::invalid(format!(
                "Failed to get input map for signature: {name}"
            )));
        }
        let allowance = &mut Allowance::new(self.tensor_bytes_max);
        match (self.document.member("instances"), self.document.member("inputs")) {
            (Some(_), Some(_)) => Err(RequestError::invalid(format!(
                "JSON Value: {} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
                self.document.debug()
            ))),
            (Some(instances), None) => {
                let inputs = rows(instances, signature, &self.document, allowance)?;
                Ok((Form::Rows, inputs))
            }
            (None, Some(inputs)) => Ok((Form::Columns, columns(inputs, signature, allowance)?)),
            (None, None) => Err(RequestError::invalid("Missing 'inputs' or 'instances' key")),
        }
    }
}

fn rows(
    instances: &Value,
    signature: &Signature,
    document: &Value,
    allowance: &mut Allowance,
) -> Result<BTreeMap<String, Tensor>, RequestError> {
    let Value::Array(elements) = instances else {
        return Err(RequestError::invalid(format!(
            "JSON Value: {} Expecting 'instances' to be an list/array",
            document.debug()
        )));
    };
    let Some(first) = elements.first() else {
        return Err(RequestError::invalid(format!(
            "JSON Value: {} No values in 'instances' array",
            document.debug()
        )));
    };
    if is_named(first) {
        named_rows(elements, signature, allowance)
    } else {
        plain_rows(elements, signature, allowance)
    }
}

fn named_rows(
    elements: &[Value],
    signature: &Signature,
    allowance: &mut Allowance,
) -> Result<BTreeMap<String, Tensor>, RequestError> {
    let mut columns: BTreeMap<&str, Column> = signature
        .inputs
        .iter()
        .map(|(alias, spec)| (alias.as_str(), Column::new(spec.dtype)))
        .collect();
    for (index, element) in elements.iter().enumerate() {
        let Value::Object(members) = element else {
            return Err(RequestError::invalid(format!(
                "Expecting object but got list at item {index} of input list"
            )));
        };
        if !is_named(element) {
            return Err(RequestError::invalid(format!(
                "Expecting object but got list at item {index} of input list"
            )));
        }
        for (key, value) in members {
            let key = String::from_utf8_lossy(key);
            let context =
                || format!("Failed to process element: {index} key: {key} of 'instances' list. Error: ");
            let column = columns.get_mut(key.as_ref()).ok_or_else(|| {
                RequestError::invalid(format!("JSON object: does not have named input: {key}"))
                    .within(&context())
            })?;
            // A name that occurs twice counts once.
            if column.rows() == index {
                column
                    .push(value, allowance)
                    .map_err(|error| error.within(&context()))?;
            }
        }
        if columns.values().any(|column| column.rows() != index + 1) {
            let keys: Vec<&str> = columns.keys().copied().collect();
            return Err(RequestError::invalid(format!(
                "Failed to process element: {index} of 'instances' list. JSON object: {} keys must be equal to: {}",
                element.debug(),
                keys.join(",")
            )));
        }
    }
    Ok(columns
        .into_iter()
        .map(|(alias, column)| (alias.to_owned(), column.finish_rows()))
        .collect())
}

fn plain_rows(
    elements: &[Value],
    signature: &Signature,
    allowance: &mut Allowance,
) -> Result<BTreeMap<String, Tensor>, RequestError> {
    let mut inputs = signature.inputs.iter();
    let (Some((alias, spec)), None) = (inputs.next(), inputs.next()) else {
        return Err(RequestError::invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per \
             tensorinfo_map",
        ));
    };
    let mut column = Column::new(spec.dtype);
    for (index, element) in elements.iter().enumerate() {
        if is_named(element) {
            return Err(RequestError::invalid(format!(
                "Expecting value/list but got object at item {index} of input list"
            )));
        }
        let context = || format!("Failed to process element: {index} of 'instances' list. Error: ");
        column
            .push(element, allowance)
            .map_err(|error| error.within(&context()))?;
    }
    Ok(BTreeMap::from([(alias.clone(), column.finish_rows())]))
}

fn columns(
    inputs: &Value,
    signature: &Signature,
    allowance: &mut Allowance,
) -> Result<BTreeMap<String, Tensor>, RequestError> {
    if is_named(inputs) {
        let read = |(alias, spec): (&String, &crate::engine::TensorSpec)| {
            let value = inputs.member(alias).ok_or_else(|| {
                RequestError::invalid(format!("Missing named input: {alias} in 'inputs' object."))
            })?;
            Ok((alias.clone(), column::tensor(value, spec.dtype, allowance)?))
        };
        return signature.inputs.iter().map(read).collect();
    }
    let mut specs = signature.inputs.iter();
    let (Some((alias, spec)), None) = (specs.next(), specs.next()) else {
        return Err(RequestError::invalid(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per \
             tensorinfo_map",
        ));
    };
    Ok(BTreeMap::from([(
        alias.clone(),
        column::tensor(inputs, spec.dtype, allowance)?,
    )]))
}

/// An object that holds inputs by name, not a string in base64.
fn is_named(value: &Value) -> bool {
    matches!(value, Value::Object(_)) && value.as_base64().is_none()
}

/// The text for a signature that the model does not have.
#[must_use]
pub fn no_signature(name: &str) -> RequestError {
    RequestError::new(
        Code::InvalidArgument,
        format!("Serving signature name: \"{name}\" not found in signature def"),
    )
}

/// Memory of a parsed document, in memory of the tensors that it may hold: a number takes 32 bytes there, 4 or 8 here, and
/// a list as much again.
const DOCUMENT_FACTOR: usize = 2;

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
