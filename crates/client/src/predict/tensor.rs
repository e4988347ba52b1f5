//! Tensors between people's files and the wire.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Number, Value};
use strongroom_api::serving::{DataType, TensorProto, TensorShapeProto, tensor_shape_proto::Dim};

use crate::error::Error;

/// Most elements of one tensor.
const ELEMENTS_MAX: usize = 64 * 1024 * 1024;
/// Deepest nesting of lists.
const RANK_MAX: usize = 32;

/// Values with a shape, row-major: the last dimension varies fastest. Each value is a number, a boolean or a text.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    values: Vec<Value>,
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({:?}, [REDACTED])", self.shape)
    }
}

impl Tensor {
    /// Values with a shape.
    ///
    /// # Errors
    /// [`Error::Input`] where they do not fit one another.
    pub fn new(shape: Vec<usize>, values: Vec<Value>) -> Result<Self, Error> {
        let elements = shape
            .iter()
            .try_fold(1usize, |product, size| product.checked_mul(*size));
        if elements != Some(values.len()) || values.len() > ELEMENTS_MAX || shape.len() > RANK_MAX {
            let why = format!("{} values do not make a tensor of shape {shape:?}", values.len());
            return Err(Error::input("tensor", why));
        }
        Ok(Self { shape, values })
    }

    /// Sizes, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Reads nested lists, which have to be regular.
    pub(super) fn from_nested(nested: &Value) -> Result<Self, Error> {
        let mut shape = Vec::new();
        let mut level = nested;
        while let Value::Array(items) = level {
            shape.push(items.len());
            if shape.len() > RANK_MAX {
                return Err(Error::input("tensor", format!("nested deeper than {RANK_MAX}")));
            }
            match items.first() {
                Some(first) => level = first,
                None => break,
            }
        }
        let mut values = Vec::new();
        flatten(nested, &shape, &mut values)?;
        Self::new(shape, values)
    }

    /// The same as nested lists.
    #[must_use]
    pub fn to_nested(&self) -> Value {
        nest(&self.shape, &self.values)
    }

    pub(super) fn to_proto(&self, name: &str, dtype: DataType) -> Result<TensorProto, Error> {
        let dim = |size: &usize| Dim {
            size: i64::try_from(*size).unwrap_or(i64::MAX),
            name: String::new(),
        };
        let shape = TensorShapeProto {
            dim: self.shape.iter().map(dim).collect(),
            unknown_rank: false,
        };
        let mut proto = TensorProto {
            dtype: dtype as i32,
            tensor_shape: Some(shape),
            ..TensorProto::default()
        };
        let wrong = || {
            Error::input(
                format!("input `{name}`"),
                format!("a value is no {}", dtype.as_str_name()),
            )
        };
        let numbers = || self.values.iter();
        let float = |value: &Value| value.as_f64().ok_or_else(wrong);
        let integer = |value: &Value| value.as_i64().ok_or_else(wrong);
        match dtype {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the model computes in single precision"
            )]
            DataType::DtFloat => {
                proto.float_val = numbers()
                    .map(|value| float(value).map(|f| f as f32))
                    .collect::<Result<_, _>>()?;
            }
            DataType::DtDouble => proto.double_val = numbers().map(float).collect::<Result<_, _>>()?,
            DataType::DtInt64 => proto.int64_val = numbers().map(integer).collect::<Result<_, _>>()?,
            DataType::DtInt32
            | DataType::DtInt16
            | DataType::DtInt8
            | DataType::DtUint8
            | DataType::DtUint16 => {
                let narrow =
                    |value: &Value| integer(value).and_then(|i| i32::try_from(i).map_err(|_| wrong()));
                proto.int_val = numbers().map(narrow).collect::<Result<_, _>>()?;
            }
            DataType::DtBool => {
                proto.bool_val = numbers()
                    .map(|value| value.as_bool().ok_or_else(wrong))
                    .collect::<Result<_, _>>()?;
            }
            DataType::DtString => {
                proto.string_val = numbers()
                    .map(|value| text(value).ok_or_else(wrong))
                    .collect::<Result<_, _>>()?;
            }
            other => {
                let why = format!("type {} is not written by this client", other.as_str_name());
                return Err(Error::input(format!("input `{name}`"), why));
            }
        }
        Ok(proto)
    }

    pub(super) fn from_proto(proto: &TensorProto) -> Result<Self, String> {
        let dims = proto
            .tensor_shape
            .as_ref()
            .map_or(&[][..], |shape| shape.dim.as_slice());
        let shape: Result<Vec<usize>, _> = dims.iter().map(|dim| usize::try_from(dim.size)).collect();
        let shape = shape.map_err(|_| "a tensor of negative size".to_owned())?;
        let elements = shape
            .iter()
            .try_fold(1usize, |product, size| product.checked_mul(*size));
        let elements = elements
            .filter(|count| *count <= ELEMENTS_MAX)
            .ok_or("a tensor that is too large")?;
        let dtype = DataType::try_from(proto.dtype).unwrap_or(DataType::DtInvalid);
        let content = &proto.tensor_content;
        let mut values: Vec<Value> = if content.is_empty() {
            listed(proto, dtype)?
        } else {
            packed(content, dtype)?
        };
        // One value alone, or the last one, stands for all that follow (TensorFlow's tensor.proto).
        if let Some(last) = values.last().cloned()
            && values.len() < elements
            && content.is_empty()
        {
            values.resize(elements, last);
        }
        Self::new(shape, values).map_err(|error| error.to_string())
    }
}

fn flatten(nested: &Value, shape: &[usize], out: &mut Vec<Value>) -> Result<(), Error> {
    let ragged = || Error::input("tensor", "lists of different lengths or depths");
    match (nested, shape.split_first()) {
        (Value::Array(items), Some((size, inner))) if items.len() == *size => {
            items.iter().try_for_each(|item| flatten(item, inner, out))
        }
        (Value::Array(_), _) | (_, Some(_)) => Err(ragged()),
        (Value::Null, None) => Err(Error::input("tensor", "`null` is no value")),
        (value, None) => {
            if out.len() == ELEMENTS_MAX {
                return Err(Error::input("tensor", format!("more than {ELEMENTS_MAX} values")));
            }
            out.push(value.clone());
            Ok(())
        }
    }
}

fn nest(shape: &[usize], values: &[Value]) -> Value {
    match shape.split_first() {
        None => values.first().cloned().unwrap_or(Value::Null),
        Some((size, inner)) => {
            let each = inner.iter().product::<usize>();
            Value::Array(
                (0..*size)
                    .map(|index| nest(inner, &values[index * each..(index + 1) * each]))
                    .collect(),
            )
        }
    }
}

/// A text, or bytes as TensorFlow Serving writes them: `{"b64": "…"}`.
fn text(value: &Value) -> Option<bytes::Bytes> {
    match value {
        Value::String(text) => Some(text.clone().into_bytes().into()),
        Value::Object(object) if object.len() == 1 => STANDARD
            .decode(object.get("b64")?.as_str()?)
            .ok()
            .map(bytes::Bytes::from),
        _ => None,
    }
}

fn bytes_value(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => serde_json::json!({ "b64": STANDARD.encode(bytes) }),
    }
}

fn listed(proto: &TensorProto, dtype: DataType) -> Result<Vec<Value>, String> {
    Ok(match dtype {
        DataType::DtFloat => proto.float_val.iter().map(|value| single(*value)).collect(),
        DataType::DtDouble => proto.double_val.iter().map(|value| double(*value)).collect(),
        DataType::DtInt64 => proto.int64_val.iter().map(|value| Value::from(*value)).collect(),
        DataType::DtInt32 | DataType::DtInt16 | DataType::DtInt8 | DataType::DtUint8 | DataType::DtUint16 => {
            proto.int_val.iter().map(|value| Value::from(*value)).collect()
        }
        DataType::DtUint32 => proto.uint32_val.iter().map(|value| Value::from(*value)).collect(),
        DataType::DtUint64 => proto.uint64_val.iter().map(|value| Value::from(*value)).collect(),
        DataType::DtBool => proto.bool_val.iter().map(|value| Value::from(*value)).collect(),
        DataType::DtString => proto.string_val.iter().map(|value| bytes_value(value)).collect(),
        other => return Err(format!("a tensor of type {}", other.as_str_name())),
    })
}

/// Little-endian values one after the other.
fn packed(content: &[u8], dtype: DataType) -> Result<Vec<Value>, String> {
    fn each<const N: usize>(content: &[u8], read: impl Fn([u8; N]) -> Value) -> Result<Vec<Value>, String> {
        let (chunks, rest) = content.as_chunks::<N>();
        if rest.is_empty() {
            Ok(chunks.iter().map(|chunk| read(*chunk)).collect())
        } else {
            Err("a broken tensor".into())
        }
    }
    match dtype {
        DataType::DtFloat => each(content, |bytes| single(f32::from_le_bytes(bytes))),
        DataType::DtDouble => each(content, |bytes| double(f64::from_le_bytes(bytes))),
        DataType::DtInt64 => each(content, |bytes| i64::from_le_bytes(bytes).into()),
        DataType::DtInt32 => each(content, |bytes| i32::from_le_bytes(bytes).into()),
        DataType::DtInt16 => each(content, |bytes| i16::from_le_bytes(bytes).into()),
        DataType::DtInt8 => each(content, |bytes| i8::from_le_bytes(bytes).into()),
        DataType::DtUint8 => each(content, |[byte]: [u8; 1]| byte.into()),
        DataType::DtUint16 => each(content, |bytes| u16::from_le_bytes(bytes).into()),
        DataType::DtUint32 => each(content, |bytes| u32::from_le_bytes(bytes).into()),
        DataType::DtUint64 => each(content, |bytes| u64::from_le_bytes(bytes).into()),
        DataType::DtBool => each(content, |[byte]: [u8; 1]| (byte != 0).into()),
        other => Err(format!("a tensor of type {}", other.as_str_name())),
    }
}

/// A single-precision number as people write it: 0.1, not 0.10000000149011612.
pub(super) fn single(value: f32) -> Value {
    if value.is_finite() {
        value.to_string().parse::<f64>().map_or(Value::Null, double)
    } else {
        value.to_string().into()
    }
}

pub(super) fn double(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    inputs: BTreeMap<String, FileTensor>,
}

#[derive(Deserialize)]
struct FileTensor {
    shape: Vec<usize>,
    values: Vec<Value>,
}

/// Reads `{"inputs": {NAME: {"dtype", "shape", "values"}}}`, the form of reference inputs.
pub(super) fn read_json(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, Error> {
    let mut value: Value =
        serde_json::from_slice(bytes).map_err(|error| Error::input("tensor file", error))?;
    // A reference file has expected outputs and a tolerance beside its inputs.
    let inputs = value.get_mut("inputs").map_or(Value::Null, Value::take);
    let file: File = serde_json::from_value(serde_json::json!({ "inputs": inputs }))
        .map_err(|error| Error::input("tensor file", error))?;
    file.inputs
        .into_iter()
        .map(|(name, tensor)| Ok((name, Tensor::new(tensor.shape, tensor.values)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_lists_come_back_and_ragged_ones_are_refused() {
        for nested in [
            json!([[1, 2], [3, 4], [5, 6]]),
            json!(7),
            json!([[[1.5]]]),
            json!([]),
        ] {
            assert_eq!(Tensor::from_nested(&nested).unwrap().to_nested(), nested);
        }
        for ragged in [
            json!([[1, 2], [3]]),
            json!([1, [2]]),
            json!([[1], 2]),
            json!([null]),
        ] {
            assert_eq!(
                Tensor::from_nested(&ragged).unwrap_err().code(),
                "input.invalid",
                "{ragged}"
            );
        }
        assert!(Tensor::new(vec![usize::MAX, 2], Vec::new()).is_err());
    }

    #[test]
    fn the_wire_and_back() {
        for (dtype, nested) in [
            (DataType::DtFloat, json!([[0.1, 2.0], [3.5, 4.0]])),
            (DataType::DtDouble, json!([0.1])),
            (DataType::DtInt64, json!([9_007_199_254_740_993_i64, -1])),
            (DataType::DtInt32, json!([3])),
            (DataType::DtBool, json!([true, false])),
            (DataType::DtString, json!(["a", {"b64": "/w=="}])),
        ] {
            let tensor = Tensor::from_nested(&nested).unwrap();
            let proto = tensor.to_proto("x", dtype).unwrap();
            assert_eq!(
                Tensor::from_proto(&proto).unwrap().to_nested(),
                nested,
                "{dtype:?}"
            );
        }
        let wrong = Tensor::from_nested(&json!(["a"]))
            .unwrap()
            .to_proto("x", DataType::DtFloat)
            .unwrap_err();
        assert!(wrong.to_string().contains("input `x`"), "{wrong}");
    }

    #[test]
    fn packed_and_repeated_values_are_read() {
        let shape = |sizes: &[i64]| {
            Some(TensorShapeProto {
                dim: sizes
                    .iter()
                    .map(|size| Dim {
                        size: *size,
                        name: String::new(),
                    })
                    .collect(),
                unknown_rank: false,
            })
        };
        let packed = TensorProto {
            dtype: DataType::DtFloat as i32,
            tensor_shape: shape(&[2]),
            tensor_content: [1.5f32.to_le_bytes(), 0.1f32.to_le_bytes()].concat().into(),
            ..TensorProto::default()
        };
        assert_eq!(
            Tensor::from_proto(&packed).unwrap().to_nested(),
            json!([1.5, 0.1])
        );
        let repeated = TensorProto {
            dtype: DataType::DtInt32 as i32,
            tensor_shape: shape(&[3]),
            int_val: vec![7],
            ..TensorProto::default()
        };
        assert_eq!(
            Tensor::from_proto(&repeated).unwrap().to_nested(),
            json!([7, 7, 7])
        );
        for hostile in [shape(&[-1]), shape(&[i64::MAX, i64::MAX]), shape(&[1 << 40])] {
            assert!(
                Tensor::from_proto(&TensorProto {
                    tensor_shape: hostile,
                    ..repeated.clone()
                })
                .is_err()
            );
        }
        let cut = TensorProto {
            tensor_content: vec![1, 2, 3].into(),
            ..packed
        };
        assert!(Tensor::from_proto(&cut).is_err());
    }

    #[test]
    fn a_tensor_file_is_read() {
        let file = json!({"inputs": {"image": {"dtype": "DT_FLOAT", "shape": [1, 2], "values": [0.0, 0.5]}},
            "outputs": {}, "tolerance": 0.0001});
        let tensors = read_json(file.to_string().as_bytes()).unwrap();
        assert_eq!(tensors["image"].to_nested(), json!([[0.0, 0.5]]));
        let wrong = json!({"inputs": {"image": {"shape": [3], "values": [0.0]}}});
        assert!(read_json(wrong.to_string().as_bytes()).is_err());
        assert!(read_json(b"{}").is_err());
    }
}
