//! One input of a REST request: nested lists of JSON to the elements of a tensor.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use strongroom_api::serving::{Code, DataType};

use super::allowance::Allowance;
use super::json::{Number, Value};
use crate::error::RequestError;
use crate::tensor::dtype::element_bytes;
use crate::tensor::{Data, Tensor, type_name};

/// Rows of one input, one after the other; all have the shape of the first.
#[derive(Debug)]
pub struct Column {
    data: Elements,
    rows: usize,
    row: Option<(usize, Vec<usize>)>,
}

impl Column {
    /// No rows yet.
    #[must_use]
    pub fn new(dtype: DataType) -> Self {
        Self {
            data: Elements::new(dtype),
            rows: 0,
            row: None,
        }
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a row, and takes its memory from `allowance`.
    ///
    /// # Errors
    /// When it is ragged, of another shape than the first, of another type than declared, or too large.
    pub fn push(&mut self, value: &Value, allowance: &mut Allowance) -> Result<(), RequestError> {
        let shape = shape_of(value);
        let before = self.data.len();
        self.data.fill(value, 0, &shape, allowance)?;
        let size = self.data.len() - before;
        let (size_first, shape_first) = self.row.get_or_insert_with(|| (size, shape.clone()));
        if size != *size_first {
            return Err(RequestError::invalid(format!(
                "Expecting tensor size: {size_first} but got: {size}"
            )));
        }
        if shape != *shape_first {
            return Err(RequestError::invalid(format!(
                "Expecting shape {} but got: {}",
                shape_text(shape_first),
                shape_text(&shape)
            )));
        }
        self.rows += 1;
        Ok(())
    }

    /// The tensor: rows along a new first dimension.
    #[must_use]
    pub fn finish_rows(self) -> Tensor {
        let mut shape = vec![self.rows];
        shape.extend(self.row.into_iter().flat_map(|(_, shape)| shape));
        self.data.into_tensor(shape)
    }
}

/// A value as one tensor, with the shape of its lists and memory of `allowance`; a plain value is a scalar.
///
/// # Errors
/// When it is ragged, of another type than declared, or too large.
pub fn tensor(value: &Value, dtype: DataType, allowance: &mut Allowance) -> Result<Tensor, RequestError> {
    let shape = shape_of(value);
    let mut elements = Elements::new(dtype);
    elements.fill(value, 0, &shape, allowance)?;
    Ok(elements.into_tensor(shape))
}

// First elements decide; the rest must agree.
fn shape_of(mut value: &Value) -> Vec<usize> {
    let mut shape = Vec::new();
    while let Value::Array(elements) = value {
        shape.push(elements.len());
        match elements.first() {
            Some(first) => value = first,
            None => break,
        }
    }
    shape
}

fn shape_text(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", sizes.join(","))
}

/// Elements of one type, in the order of the text.
#[derive(Debug)]
pub(super) struct Elements {
    dtype: DataType,
    data: Option<Data>,
}

impl Elements {
    pub(super) fn new(dtype: DataType) -> Self {
        let data = match dtype {
            DataType::DtFloat => Some(Data::Float(Vec::new())),
            DataType::DtDouble => Some(Data::Double(Vec::new())),
            DataType::DtInt8 => Some(Data::Int8(Vec::new())),
            DataType::DtInt16 => Some(Data::Int16(Vec::new())),
            DataType::DtInt32 => Some(Data::Int32(Vec::new())),
            DataType::DtInt64 => Some(Data::Int64(Vec::new())),
            DataType::DtUint8 => Some(Data::UInt8(Vec::new())),
            DataType::DtUint32 => Some(Data::UInt32(Vec::new())),
            DataType::DtUint64 => Some(Data::UInt64(Vec::new())),
            DataType::DtBool => Some(Data::Bool(Vec::new())),
            DataType::DtString => Some(Data::String(Vec::new())),
            // No JSON form: the first element is refused.
            _ => None,
        };
        Self { dtype, data }
    }

    fn len(&self) -> usize {
        self.data.as_ref().map_or(0, Data::len)
    }

    pub(super) fn into_tensor(self, shape: Vec<usize>) -> Tensor {
        let data = self.data.unwrap_or(Data::Float(Vec::new()));
        Tensor::new(shape, data).expect("every element was counted against the shape")
    }

    /// Adds a number or truth value, if the type has it and there is room.
    pub(super) fn push_plain(&mut self, value: &Value, allowance: &mut Allowance) -> Option<()> {
        allowance.take(element_bytes(self.dtype)).ok()?;
        push_plain(self.data.as_mut()?, value)
    }

    /// Adds a string, if these are strings and there is room.
    pub(super) fn push_string(&mut self, text: Bytes, allowance: &mut Allowance) -> Option<()> {
        let Some(Data::String(values)) = &mut self.data else {
            return None;
        };
        allowance
            .take(element_bytes(self.dtype).saturating_add(text.len()))
            .ok()?;
        values.push(text);
        Some(())
    }

    fn fill(
        &mut self,
        value: &Value,
        level: usize,
        shape: &[usize],
        allowance: &mut Allowance,
    ) -> Result<(), RequestError> {
        let Value::Array(elements) = value else {
            if level != shape.len() {
                return Err(RequestError::invalid(format!(
                    "JSON Value: {} found at incorrect level: {} in the JSON DOM. Expected at level: {}",
                    value.debug(),
                    level + 1,
                    shape.len()
                )));
            }
            return self.push(value, allowance);
        };
        let Some(expected) = shape.get(level) else {
            return Err(RequestError::invalid(format!(
                "Encountered list at unexpected level: {level} expected < {}",
                shape.len()
            )));
        };
        if elements.len() != *expected {
            return Err(RequestError::invalid(format!(
                "Encountered list at unexpected size: {} at level: {level} expected size: {expected}",
                elements.len()
            )));
        }
        elements
            .iter()
            .try_for_each(|element| self.fill(element, level + 1, shape, allowance))
    }

    fn push(&mut self, value: &Value, allowance: &mut Allowance) -> Result<(), RequestError> {
        let Some(data) = &mut self.data else {
            return Err(RequestError::new(
                Code::Unimplemented,
                format!(
                    "Conversion of JSON Value: {} to type: {}",
                    value.debug(),
                    type_name(self.dtype)
                ),
            ));
        };
        take(allowance, element_bytes(self.dtype))?;
        if let Data::String(values) = data {
            let text = string(value)?;
            take(allowance, text.len())?;
            values.push(text);
            return Ok(());
        }
        push_plain(data, value).ok_or_else(|| mismatch(value, self.dtype))
    }
}

fn take(allowance: &mut Allowance, bytes: usize) -> Result<(), RequestError> {
    allowance.take(bytes).map_err(|exhausted| {
        let text = format!(
            "The tensors of a request may take at most {} bytes (--max_tensor_bytes)",
            exhausted.bytes_max
        );
        RequestError::new(Code::ResourceExhausted, text)
    })
}

// Narrow integers are cut to their width, as the original does; floats beyond the range become infinite.
fn push_plain(data: &mut Data, value: &Value) -> Option<()> {
    match (data, value) {
        (Data::Float(values), Value::Number(number)) => values.push(as_double(*number) as f32),
        (Data::Double(values), Value::Number(number)) => values.push(as_double(*number)),
        (Data::Int8(values), Value::Number(Number::Int(number))) => {
            values.push(i32::try_from(*number).ok()? as i8)
        }
        (Data::Int16(values), Value::Number(Number::Int(number))) => {
            values.push(i32::try_from(*number).ok()? as i16)
        }
        (Data::Int32(values), Value::Number(Number::Int(number))) => {
            values.push(i32::try_from(*number).ok()?)
        }
        (Data::UInt8(values), Value::Number(Number::Int(number))) => {
            values.push(i32::try_from(*number).ok()? as u8)
        }
        (Data::Int64(values), Value::Number(Number::Int(number))) => values.push(*number),
        (Data::UInt32(values), Value::Number(Number::Int(number))) => {
            values.push(u32::try_from(*number).ok()?)
        }
        (Data::UInt64(values), Value::Number(Number::Int(number))) => {
            values.push(u64::try_from(*number).ok()?)
        }
        (Data::UInt64(values), Value::Number(Number::UInt(number))) => values.push(*number),
        (Data::Bool(values), Value::Bool(value)) => values.push(*value),
        _ => return None,
    }
    Some(())
}

fn as_double(number: Number) -> f64 {
    match number {
        Number::Int(value) => value as f64,
        Number::UInt(value) => value as f64,
        Number::Double(value) => value,
    }
}

pub(super) fn string(value: &Value) -> Result<Bytes, RequestError> {
    match value {
        Value::String(text) => Ok(Bytes::copy_from_slice(text)),
        Value::Object(_) => {
            let text = value.as_base64().ok_or_else(|| {
                RequestError::invalid(format!(
                    "JSON Value: {} not formatted correctly for base64 data",
                    value.debug()
                ))
            })?;
            base64(text).ok_or_else(|| RequestError::invalid("Unable to base64 decode"))
        }
        _ => Err(mismatch(value, DataType::DtString)),
    }
}

/// What a text in base64 stands for, if it is one.
pub(super) fn base64(text: &[u8]) -> Option<Bytes> {
    BASE64.decode(text).ok().map(Bytes::from)
}

fn mismatch(value: &Value, dtype: DataType) -> RequestError {
    RequestError::invalid(format!(
        "JSON Value: {} Type: {} is not of expected type: {}",
        value.debug(),
        value.type_name(),
        type_name(dtype)
    ))
}

/// Standard alphabet; padding may be left out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
