//! A tensor as protobuf's JSON printer writes it: every field, those that are empty as well.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_api::serving::{DataType, TensorProto};

use super::{Json, shape_json};
use crate::rest::json::number;

/// The name of an element type as the schema has it; types above 100 are references to variables.
pub(super) fn dtype_name(dtype: i32) -> String {
    match DataType::try_from(dtype) {
        Ok(known) => known.as_str_name().to_owned(),
        Err(_) => match DataType::try_from(dtype - REFERENCE) {
            Ok(known) if known != DataType::DtInvalid => format!("{}_REF", known.as_str_name()),
            _ => dtype.to_string(),
        },
    }
}

/// The tensor, field by field in the schema's order.
pub(super) fn tensor_json(tensor: &TensorProto) -> Json {
    let floats = |values: &[f32]| list(values, |value| float_json(number::float(*value)));
    let doubles = |values: &[f64]| list(values, |value| float_json(number::double(*value)));
    let ints = |values: &[i32]| list(values, |value| Json::Raw(value.to_string()));
    let bytes = |bytes: &[u8]| Json::String(STANDARD.encode(bytes));
    let shape = tensor.tensor_shape.clone().unwrap_or_default();
    Json::object([
        ("dtype", Json::String(dtype_name(tensor.dtype))),
        ("tensor_shape", shape_json(&shape)),
        ("version_number", Json::Raw(tensor.version_number.to_string())),
        ("tensor_content", bytes(&tensor.tensor_content)),
        ("half_val", ints(&tensor.half_val)),
        ("float_val", floats(&tensor.float_val)),
        ("double_val", doubles(&tensor.double_val)),
        ("int_val", ints(&tensor.int_val)),
        ("string_val", list(&tensor.string_val, |value| bytes(value))),
        ("scomplex_val", floats(&tensor.scomplex_val)),
        (
            "int64_val",
            list(&tensor.int64_val, |value| Json::String(value.to_string())),
        ),
        (
            "bool_val",
            list(&tensor.bool_val, |value| Json::Raw(value.to_string())),
        ),
        ("dcomplex_val", doubles(&tensor.dcomplex_val)),
        ("resource_handle_val", Json::Array(Vec::new())),
        ("variant_val", Json::Array(Vec::new())),
        (
            "uint32_val",
            list(&tensor.uint32_val, |value| Json::Raw(value.to_string())),
        ),
        (
            "uint64_val",
            list(&tensor.uint64_val, |value| Json::String(value.to_string())),
        ),
        ("float8_val", bytes(&tensor.float8_val)),
    ])
}

fn list<T>(values: &[T], json: impl Fn(&T) -> Json) -> Json {
    Json::Array(values.iter().map(json).collect())
}

// Here a whole number has no fraction, and what is no number is a string.
fn float_json(text: String) -> Json {
    match text.as_str() {
        "NaN" | "Infinity" | "-Infinity" => Json::String(text),
        _ => Json::Raw(text.strip_suffix(".0").map_or(text.clone(), str::to_owned)),
    }
}

/// Added to a type for references to variables of it.
const REFERENCE: i32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_names_of_the_schema() {
        assert_eq!(dtype_name(1), "DT_FLOAT");
        assert_eq!(dtype_name(101), "DT_FLOAT_REF");
        assert_eq!(dtype_name(100), "100");
        assert_eq!(dtype_name(99), "99");
    }

    #[test]
    fn every_field_is_printed() {
        let tensor = TensorProto {
            dtype: DataType::DtFloat.into(),
            float_val: vec![2.0, 0.5, f32::NAN],
            int64_val: vec![-7],
            string_val: vec![b"hi".as_slice().into()],
            ..TensorProto::default()
        };
        let text = tensor_json(&tensor).print();
        let found: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(found["float_val"], serde_json::json!([2, 0.5, "NaN"]));
        assert_eq!(found["int64_val"], serde_json::json!(["-7"]));
        assert_eq!(found["string_val"], serde_json::json!(["aGk="]));
        assert_eq!(found["tensor_shape"]["dim"], serde_json::json!([]));
        assert_eq!(found.as_object().expect("an object").len(), 18);
    }
}
