//! Answers of REST Predict, byte for byte as TensorFlow Serving lays them out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use strongroom_api::serving::{ClassificationResult, DataType, RegressionResult};

use super::decode::Form;
use super::json::{Layout, Writer};
use crate::error::RequestError;
use crate::tensor::{Data, Tensor, type_name};

/// The body for these outputs.
///
/// # Errors
/// When the outputs have no form in JSON, or rows are asked for and the outputs have none.
pub fn predict(outputs: &BTreeMap<String, Tensor>, form: Form) -> Result<Vec<u8>, RequestError> {
    if outputs.is_empty() {
        return Err(RequestError::invalid("Cannot convert empty tensor map to JSON"));
    }
    match form {
        Form::Rows => rows(outputs),
        Form::Columns => columns(outputs),
    }
}

/// The body for a refusal.
#[must_use]
pub fn error(message: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.begin_object();
    writer.string(b"error");
    writer.string(message.as_bytes());
    writer.end_object();
    writer.finish()
}

/// Writes classes: for each row a list of pairs of label and score.
#[must_use]
pub fn classes(result: &ClassificationResult) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.begin_object();
    writer.string(b"results");
    writer.layout(Layout::OneLineArrays);
    writer.begin_array();
    for row in &result.classifications {
        writer.begin_array();
        for class in &row.classes {
            writer.begin_array();
            writer.string(class.label.as_bytes());
            writer.float(class.score);
            writer.end_array();
        }
        writer.end_array();
    }
    writer.layout(Layout::Expanded);
    writer.end_array();
    writer.end_object();
    writer.finish()
}

/// Writes numbers, one for each row.
///
/// # Errors
/// When there is none.
pub fn numbers(result: &RegressionResult) -> Result<Vec<u8>, RequestError> {
    if result.regressions.is_empty() {
        return Err(RequestError::invalid(
            "Cannot convert empty RegressionResults to JSON",
        ));
    }
    let mut writer = Writer::new();
    writer.begin_object();
    writer.string(b"results");
    writer.layout(Layout::OneLineArrays);
    writer.begin_array();
    for regression in &result.regressions {
        writer.float(regression.value);
    }
    writer.end_array();
    writer.layout(Layout::Expanded);
    writer.end_object();
    Ok(writer.finish())
}

fn rows(outputs: &BTreeMap<String, Tensor>) -> Result<Vec<u8>, RequestError> {
    let batch = batch_size(outputs)?;
    let mut cursors = Vec::with_capacity(outputs.len());
    for (alias, tensor) in outputs {
        cursors.push((alias.as_str(), Cursor::new(alias, tensor)?));
    }
    let mut writer = Writer::new();
    writer.begin_object();
    writer.string(b"predictions");
    writer.begin_array();
    if let [(_, cursor)] = cursors.as_mut_slice() {
        writer.layout(Layout::OneLineArrays);
        (0..batch).for_each(|_| cursor.write_row(&mut writer));
        writer.layout(Layout::Expanded);
    } else {
        for _ in 0..batch {
            writer.layout(Layout::Expanded);
            writer.begin_object();
            writer.layout(Layout::OneLineArrays);
            for (alias, cursor) in &mut cursors {
                writer.string(alias.as_bytes());
                cursor.write_row(&mut writer);
            }
            writer.end_object();
        }
        writer.layout(Layout::Expanded);
    }
    writer.end_array();
    writer.end_object();
    Ok(writer.finish())
}

fn columns(outputs: &BTreeMap<String, Tensor>) -> Result<Vec<u8>, RequestError> {
    let mut writer = Writer::new();
    writer.begin_object();
    writer.string(b"outputs");
    let single = outputs.len() == 1;
    if !single {
        writer.begin_object();
    }
    for (alias, tensor) in outputs {
        if !single {
            writer.string(alias.as_bytes());
        }
        Cursor::new(alias, tensor)?.write(&mut writer, tensor.shape());
    }
    if !single {
        writer.end_object();
    }
    writer.end_object();
    Ok(writer.finish())
}

fn batch_size(outputs: &BTreeMap<String, Tensor>) -> Result<usize, RequestError> {
    let mut batch = None;
    for (alias, tensor) in outputs {
        let Some(size) = tensor.shape().first() else {
            return Err(RequestError::invalid(format!(
                "Tensor name: {alias} has no shape information "
            )));
        };
        let expected = *batch.get_or_insert(*size);
        if *size != expected {
            return Err(RequestError::invalid(format!(
                "Tensor name: {alias} has inconsistent batch size: {size} expecting: {expected}"
            )));
        }
    }
    Ok(batch.unwrap_or(0))
}

/// Types that TensorFlow Serving writes as JSON.
fn has_json(dtype: DataType) -> bool {
    matches!(
        dtype,
        DataType::DtFloat
            | DataType::DtDouble
            | DataType::DtInt8
            | DataType::DtInt16
            | DataType::DtInt32
            | DataType::DtInt64
            | DataType::DtUint8
            | DataType::DtUint32
            | DataType::DtUint64
            | DataType::DtBool
            | DataType::DtString
    )
}

/// Writes the elements of a tensor in their order.
struct Cursor<'a> {
    tensor: &'a Tensor,
    /// Strings of an output whose alias ends in `_bytes` are written in base64.
    as_base64: bool,
    next: usize,
}

impl<'a> Cursor<'a> {
    fn new(alias: &str, tensor: &'a Tensor) -> Result<Self, RequestError> {
        if !has_json(tensor.dtype()) {
            return Err(RequestError::invalid(format!(
                "Failed to write JSON value for tensor type: {}",
                type_name(tensor.dtype())
            )));
        }
        Ok(Self {
            tensor,
            as_base64: alias.ends_with("_bytes"),
            next: 0,
        })
    }

    fn write_row(&mut self, writer: &mut Writer) {
        self.write(writer, &self.tensor.shape()[1..]);
    }

    fn write(&mut self, writer: &mut Writer, shape: &[usize]) {
        let Some((size, inner)) = shape.split_first() else {
            self.write_element(writer);
            return;
        };
        writer.begin_array();
        (0..*size).for_each(|_| self.write(writer, inner));
        writer.end_array();
    }

    fn write_element(&mut self, writer: &mut Writer) {
        let index = self.next;
        self.next += 1;
        match self.tensor.data() {
            Data::Float(values) => writer.float(values[index]),
            Data::Double(values) => writer.double(values[index]),
            Data::Int8(values) => writer.int(values[index]),
            Data::Int16(values) => writer.int(values[index]),
            Data::Int32(values) => writer.int(values[index]),
            Data::Int64(values) => writer.int(values[index]),
            Data::UInt8(values) => writer.int(values[index]),
            Data::UInt32(values) => writer.int(values[index]),
            Data::UInt64(values) => writer.int(values[index]),
            Data::Bool(values) => writer.raw(if values[index] { "true" } else { "false" }),
            Data::String(values) if self.as_base64 => {
                writer.begin_object();
                writer.string(b"b64");
                writer.string(STANDARD.encode(&values[index]).as_bytes());
                writer.end_object();
            }
            Data::String(values) => writer.string(&values[index]),
            // `new` refused them.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use strongroom_api::serving::{Class, Classifications, Regression};

    use super::*;

    fn tensor(shape: &[usize], data: Data) -> Tensor {
        Tensor::new(shape.to_vec(), data).expect("elements fill the shape")
    }

    fn check(outputs: &[(&str, Tensor)], form: Form, expected: &str) {
        let outputs = outputs
            .iter()
            .map(|(alias, tensor)| ((*alias).to_owned(), tensor.clone()))
            .collect();
        let text = predict(&outputs, form).map_or_else(
            |error| error.message().to_owned(),
            |bytes| String::from_utf8(bytes).expect("UTF-8"),
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn rows_stand_on_one_line() {
        let scalars = tensor(&[3], Data::Float(vec![2.5, 3.0, 4.5]));
        check(
            &[("y", scalars)],
            Form::Rows,
            "{\n    \"predictions\": [2.5, 3.0, 4.5\n    ]\n}",
        );
        let vectors = tensor(&[2, 2], Data::Float(vec![1.0 / 3.0, 0.1, 1.0, 1.1]));
        let expected = "{\n    \"predictions\": [[0.333333343, 0.1], [1.0, 1.1]\n    ]\n}";
        check(&[("y", vectors)], Form::Rows, expected);
        check(
            &[("y", tensor(&[0], Data::Float(vec![])))],
            Form::Rows,
            "{\n    \"predictions\": []\n}",
        );
    }

    #[test]
    fn rows_of_several_outputs_are_objects() {
        let a = tensor(&[2, 2], Data::Float(vec![1.0, 2.0, 1.0, 2.0]));
        let b = tensor(&[2], Data::Int64(vec![3, 4]));
        let row = |b: i64| {
            format!("        {{\n            \"a\": [1.0, 2.0],\n            \"b\": {b}\n        }}")
        };
        let expected = format!("{{\n    \"predictions\": [\n{},\n{}\n    ]\n}}", row(3), row(4));
        check(&[("a", a), ("b", b)], Form::Rows, &expected);
    }

    #[test]
    fn columns_stand_on_lines_of_their_own() {
        let scalars = tensor(&[2], Data::Float(vec![2.5, 3.0]));
        let expected = "{\n    \"outputs\": [\n        2.5,\n        3.0\n    ]\n}";
        check(&[("y", scalars)], Form::Columns, expected);
        let a = tensor(&[1, 1], Data::Float(vec![2.0]));
        let b = tensor(&[], Data::Float(vec![1e20]));
        let expected = "{\n    \"outputs\": {\n        \"a\": [\n            [\n                2.0\n            ]\n        \
                        ],\n        \"b\": 1e+20\n    }\n}";
        check(&[("a", a), ("b", b)], Form::Columns, expected);
    }

    #[test]
    fn bytes_are_base64() {
        let bytes = tensor(&[1, 1], Data::String(vec![Bytes::from_static(b"hello")]));
        let expected =
            "{\n    \"predictions\": [[{\n                \"b64\": \"aGVsbG8=\"\n            }]\n    ]\n}";
        check(&[("image_bytes", bytes)], Form::Rows, expected);
    }

    #[test]
    fn refuses_what_it_should() {
        let half = tensor(&[1], Data::Half(vec![0]));
        check(
            &[("y", half)],
            Form::Columns,
            "Failed to write JSON value for tensor type: half",
        );
        check(&[], Form::Rows, "Cannot convert empty tensor map to JSON");
        let scalar = tensor(&[], Data::Float(vec![1.0]));
        check(
            &[("y", scalar)],
            Form::Rows,
            "Tensor name: y has no shape information ",
        );
        let (a, b) = (
            tensor(&[1], Data::Bool(vec![true])),
            tensor(&[2], Data::Bool(vec![true; 2])),
        );
        let expected = "Tensor name: b has inconsistent batch size: 2 expecting: 1";
        check(&[("a", a), ("b", b)], Form::Rows, expected);
    }

    #[test]
    fn classes_and_numbers_are_results() {
        let class = |label: &str, score: f32| Class {
            label: label.to_owned(),
            score,
        };
        let row = Classifications {
            classes: vec![class("car", 0.2), class("", 3.0)],
        };
        let result = ClassificationResult {
            classifications: vec![row],
        };
        assert_eq!(
            classes(&result),
            b"{\n    \"results\": [[[\"car\", 0.2], [\"\", 3.0]]\n    ]\n}"
        );
        let regressions = [3.5, 4.0].map(|value| Regression { value }).to_vec();
        let expected = b"{\n    \"results\": [3.5, 4.0]\n}".to_vec();
        assert_eq!(numbers(&RegressionResult { regressions }), Ok(expected));
        let none = numbers(&RegressionResult::default()).expect_err("none");
        assert_eq!(none.message(), "Cannot convert empty RegressionResults to JSON");
    }

    #[test]
    fn errors_have_one_key() {
        assert_eq!(error("a \"b\" \n"), b"{\n    \"error\": \"a \\\"b\\\" \\n\"\n}");
    }
}
