//! `TensorProto` to [`Tensor`] and back, with the semantics of TensorFlow's `Tensor::FromProto`.
//!
//! A request of thirty bytes can name a shape of terabytes: sizes are checked against a limit before anything is
//! allocated.

use bytes::{Buf as _, Bytes};
use strongroom_api::serving::{DataType, TensorProto, TensorShapeProto, tensor_shape_proto::Dim};

use super::dtype::element_bytes;
use super::{Data, Tensor, elements_of};

/// How tensors of answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// In the list of their type, as TensorFlow Serving does unless told otherwise (clients read `float_val`).
    #[default]
    Typed,
    /// As raw little-endian bytes.
    Content,
}

/// A tensor message that stands for no tensor.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The element type is missing, unknown, or none that this server holds.
    #[error("element type {0} cannot be held")]
    Type(i32),
    /// A dimension is negative, or their product overflows.
    #[error("the shape is no shape")]
    Shape,
    /// More dimensions than any engine takes.
    #[error("more than {RANK_MAX} dimensions")]
    Rank,
    /// More memory than one tensor of a request may take.
    #[error("the tensor would take more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Raw bytes that are not exactly the elements.
    #[error("tensor_content does not hold the elements")]
    Content,
}

/// Reads a tensor that takes at most `bytes_max` bytes of memory.
///
/// # Errors
/// On every message for which `Tensor::FromProto` fails, and beyond the limits.
pub fn decode(proto: TensorProto, bytes_max: usize) -> Result<Tensor, DecodeError> {
    let dtype = DataType::try_from(proto.dtype).map_err(|_| DecodeError::Type(proto.dtype))?;
    let shape = decode_shape(proto.tensor_shape.as_ref())?;
    let elements = elements_of(&shape).ok_or(DecodeError::Shape)?;
    if elements
        .checked_mul(element_bytes(dtype))
        .is_none_or(|bytes| bytes > bytes_max)
    {
        return Err(DecodeError::TooLarge { limit: bytes_max });
    }
    let data = if proto.tensor_content.is_empty() {
        typed(dtype, proto, elements)?
    } else {
        content(dtype, proto.tensor_content, elements)?
    };
    Ok(Tensor::new(shape, data)
        .expect("both ways of reading give the number of elements that they are asked for"))
}

/// Writes a tensor.
#[must_use]
pub fn encode(tensor: Tensor, encoding: Encoding) -> TensorProto {
    let dtype = tensor.dtype().into();
    let (shape, data) = tensor.into_parts();
    let dim = shape
        .iter()
        .map(|size| Dim {
            size: *size as i64,
            name: String::new(),
        })
        .collect();
    let mut proto = TensorProto {
        dtype,
        tensor_shape: Some(TensorShapeProto {
            dim,
            unknown_rank: false,
        }),
        ..TensorProto::default()
    };
    match encoding {
        Encoding::Typed => write_typed(data, &mut proto),
        Encoding::Content => proto.tensor_content = raw(&data),
    }
    proto
}

fn decode_shape(shape: Option<&TensorShapeProto>) -> Result<Vec<usize>, DecodeError> {
    let Some(shape) = shape else { return Ok(Vec::new()) };
    if shape.dim.len() > RANK_MAX {
        return Err(DecodeError::Rank);
    }
    shape
        .dim
        .iter()
        .map(|dim| usize::try_from(dim.size).map_err(|_| DecodeError::Shape))
        .collect()
}

// Fewer values than elements: the last is repeated; none at all: zeros; more: the rest is ignored. Values in the list
// of another type count as none.
fn typed(dtype: DataType, proto: TensorProto, elements: usize) -> Result<Data, DecodeError> {
    fn fill<T: Clone + Default>(mut values: Vec<T>, elements: usize) -> Vec<T> {
        let last = values.last().cloned().unwrap_or_default();
        values.resize(elements, last);
        values
    }
    fn cast<S: Copy, T: Clone + Default>(values: &[S], elements: usize, cast: fn(S) -> T) -> Vec<T> {
        fill(
            values.iter().take(elements).map(|value| cast(*value)).collect(),
            elements,
        )
    }
    // Real and imaginary parts take turns; half a number at the end counts for nothing.
    fn pairs<T: Copy>(values: &[T], elements: usize) -> Vec<[T; 2]> {
        values.as_chunks().0.iter().take(elements).copied().collect()
    }
    Ok(match dtype {
        DataType::DtFloat => Data::Float(fill(proto.float_val, elements)),
        DataType::DtDouble => Data::Double(fill(proto.double_val, elements)),
        DataType::DtInt32 => Data::Int32(fill(proto.int_val, elements)),
        DataType::DtInt8 => Data::Int8(cast(&proto.int_val, elements, |value| value as i8)),
        DataType::DtInt16 => Data::Int16(cast(&proto.int_val, elements, |value| value as i16)),
        DataType::DtUint8 => Data::UInt8(cast(&proto.int_val, elements, |value| value as u8)),
        DataType::DtUint16 => Data::UInt16(cast(&proto.int_val, elements, |value| value as u16)),
        DataType::DtInt64 => Data::Int64(fill(proto.int64_val, elements)),
        DataType::DtUint32 => Data::UInt32(fill(proto.uint32_val, elements)),
        DataType::DtUint64 => Data::UInt64(fill(proto.uint64_val, elements)),
        DataType::DtBool => Data::Bool(fill(proto.bool_val, elements)),
        DataType::DtHalf => Data::Half(cast(&proto.half_val, elements, |value| value as u16)),
        DataType::DtBfloat16 => Data::BFloat16(cast(&proto.half_val, elements, |value| value as u16)),
        DataType::DtComplex64 => Data::Complex64(fill(pairs(&proto.scomplex_val, elements), elements)),
        DataType::DtComplex128 => Data::Complex128(fill(pairs(&proto.dcomplex_val, elements), elements)),
        DataType::DtQint8 => Data::QInt8(cast(&proto.int_val, elements, |value| value as i8)),
        DataType::DtQuint8 => Data::QUInt8(cast(&proto.int_val, elements, |value| value as u8)),
        DataType::DtQint16 => Data::QInt16(cast(&proto.int_val, elements, |value| value as i16)),
        DataType::DtQuint16 => Data::QUInt16(cast(&proto.int_val, elements, |value| value as u16)),
        DataType::DtQint32 => Data::QInt32(fill(proto.int_val, elements)),
        DataType::DtString => Data::String(fill(proto.string_val, elements)),
        other => return Err(DecodeError::Type(other.into())),
    })
}

fn content(dtype: DataType, bytes: Bytes, elements: usize) -> Result<Data, DecodeError> {
    if dtype == DataType::DtString {
        return strings(bytes, elements)
            .map(Data::String)
            .ok_or(DecodeError::Content);
    }
    if Some(bytes.len()) != elements.checked_mul(element_bytes(dtype)) {
        return Err(DecodeError::Content);
    }
    fn read<const N: usize, T>(bytes: &[u8], one: fn([u8; N]) -> T) -> Vec<T> {
        let (chunks, _) = bytes.as_chunks::<N>();
        chunks.iter().map(|chunk| one(*chunk)).collect()
    }
    fn halves<T: Copy>(values: Vec<T>) -> Vec<[T; 2]> {
        values.as_chunks().0.to_vec()
    }
    Ok(match dtype {
        DataType::DtFloat => Data::Float(read(&bytes, f32::from_le_bytes)),
        DataType::DtDouble => Data::Double(read(&bytes, f64::from_le_bytes)),
        DataType::DtInt8 => Data::Int8(read(&bytes, i8::from_le_bytes)),
        DataType::DtInt16 => Data::Int16(read(&bytes, i16::from_le_bytes)),
        DataType::DtInt32 => Data::Int32(read(&bytes, i32::from_le_bytes)),
        DataType::DtInt64 => Data::Int64(read(&bytes, i64::from_le_bytes)),
        DataType::DtUint8 => Data::UInt8(bytes.to_vec()),
        DataType::DtUint16 => Data::UInt16(read(&bytes, u16::from_le_bytes)),
        DataType::DtUint32 => Data::UInt32(read(&bytes, u32::from_le_bytes)),
        DataType::DtUint64 => Data::UInt64(read(&bytes, u64::from_le_bytes)),
        DataType::DtHalf => Data::Half(read(&bytes, u16::from_le_bytes)),
        DataType::DtBfloat16 => Data::BFloat16(read(&bytes, u16::from_le_bytes)),
        // TensorFlow takes no other byte for a truth value.
        DataType::DtBool if bytes.iter().any(|byte| *byte > 1) => return Err(DecodeError::Content),
        DataType::DtBool => Data::Bool(read(&bytes, |[byte]: [u8; 1]| byte == 1)),
        DataType::DtComplex64 => Data::Complex64(halves(read(&bytes, f32::from_le_bytes))),
        DataType::DtComplex128 => Data::Complex128(halves(read(&bytes, f64::from_le_bytes))),
        DataType::DtQint8 => Data::QInt8(read(&bytes, i8::from_le_bytes)),
        DataType::DtQuint8 => Data::QUInt8(bytes.to_vec()),
        DataType::DtQint16 => Data::QInt16(read(&bytes, i16::from_le_bytes)),
        DataType::DtQuint16 => Data::QUInt16(read(&bytes, u16::from_le_bytes)),
        DataType::DtQint32 => Data::QInt32(read(&bytes, i32::from_le_bytes)),
        other => return Err(DecodeError::Type(other.into())),
    })
}

// The varint length of every element, then the elements one after the other.
fn strings(mut bytes: Bytes, elements: usize) -> Option<Vec<Bytes>> {
    // Each length takes a byte at least: no allocation beyond what was sent.
    if elements > bytes.len() {
        return None;
    }
    let mut lengths = Vec::with_capacity(elements);
    for _ in 0..elements {
        lengths.push(usize::try_from(varint32(&mut bytes)?).ok()?);
    }
    let values = lengths
        .into_iter()
        .map(|length| (length <= bytes.len()).then(|| bytes.split_to(length)));
    let values = values.collect::<Option<Vec<_>>>()?;
    bytes.is_empty().then_some(values)
}

fn varint32(bytes: &mut Bytes) -> Option<u32> {
    let mut value = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let byte = bytes.try_get_u8().ok()?;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn write_typed(data: Data, proto: &mut TensorProto) {
    fn widen<T: Into<i32>>(values: Vec<T>) -> Vec<i32> {
        values.into_iter().map(Into::into).collect()
    }
    match data {
        Data::Float(values) => proto.float_val = values,
        Data::Double(values) => proto.double_val = values,
        Data::Int8(values) => proto.int_val = widen(values),
        Data::Int16(values) => proto.int_val = widen(values),
        Data::Int32(values) => proto.int_val = values,
        Data::UInt8(values) => proto.int_val = widen(values),
        Data::UInt16(values) => proto.int_val = widen(values),
        Data::Int64(values) => proto.int64_val = values,
        Data::UInt32(values) => proto.uint32_val = values,
        Data::UInt64(values) => proto.uint64_val = values,
        Data::Bool(values) => proto.bool_val = values,
        Data::Half(values) | Data::BFloat16(values) => proto.half_val = widen(values),
        Data::Complex64(values) => proto.scomplex_val = values.concat(),
        Data::Complex128(values) => proto.dcomplex_val = values.concat(),
        Data::QInt8(values) => proto.int_val = widen(values),
        Data::QUInt8(values) => proto.int_val = widen(values),
        Data::QInt16(values) => proto.int_val = widen(values),
        Data::QUInt16(values) => proto.int_val = widen(values),
        Data::QInt32(values) => proto.int_val = values,
        Data::String(values) => proto.string_val = values,
    }
}

fn raw(data: &Data) -> Bytes {
    fn write<const N: usize, T: Copy>(values: &[T], one: fn(T) -> [u8; N]) -> Bytes {
        values.iter().flat_map(|value| one(*value)).collect()
    }
    match data {
        Data::Float(values) => write(values, f32::to_le_bytes),
        Data::Double(values) => write(values, f64::to_le_bytes),
        Data::Int8(values) | Data::QInt8(values) => write(values, i8::to_le_bytes),
        Data::Int16(values) | Data::QInt16(values) => write(values, i16::to_le_bytes),
        Data::Int32(values) | Data::QInt32(values) => write(values, i32::to_le_bytes),
        Data::Int64(values) => write(values, i64::to_le_bytes),
        Data::UInt8(values) | Data::QUInt8(values) => write(values, u8::to_le_bytes),
        Data::UInt16(values) | Data::QUInt16(values) | Data::Half(values) | Data::BFloat16(values) => {
            write(values, u16::to_le_bytes)
        }
        Data::Complex64(values) => write(values.as_flattened(), f32::to_le_bytes),
        Data::Complex128(values) => write(values.as_flattened(), f64::to_le_bytes),
        Data::UInt32(values) => write(values, u32::to_le_bytes),
        Data::UInt64(values) => write(values, u64::to_le_bytes),
        Data::Bool(values) => write(values, |value| [u8::from(value)]),
        Data::String(values) => {
            let mut out = Vec::new();
            for value in values {
                let mut length = value.len();
                while length >= 0x80 {
                    out.push((length & 0x7f) as u8 | 0x80);
                    length >>= 7;
                }
                out.push(length as u8);
            }
            values.iter().for_each(|value| out.extend_from_slice(value));
            out.into()
        }
    }
}

/// Dimensions that a tensor may have; TensorFlow's own limit.
pub const RANK_MAX: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 20;

    fn proto(dtype: DataType, dims: &[i64]) -> TensorProto {
        let dim = dims
            .iter()
            .map(|size| Dim {
                size: *size,
                name: String::new(),
            })
            .collect();
        let tensor_shape = Some(TensorShapeProto {
            dim,
            unknown_rank: false,
        });
        TensorProto {
            dtype: dtype.into(),
            tensor_shape,
            ..TensorProto::default()
        }
    }

    fn check(proto: TensorProto, expected: Result<Data, DecodeError>) {
        assert_eq!(decode(proto, LIMIT).map(|tensor| tensor.into_parts().1), expected);
    }

    #[test]
    fn reads_as_tensorflow_does() {
        let float = |values: &[f32], dims: &[i64]| TensorProto {
            float_val: values.to_vec(),
            ..proto(DataType::DtFloat, dims)
        };
        check(float(&[1.0, 2.0], &[2]), Ok(Data::Float(vec![1.0, 2.0])));
        check(
            float(&[1.0, 2.0], &[2, 2]),
            Ok(Data::Float(vec![1.0, 2.0, 2.0, 2.0])),
        );
        check(float(&[], &[3]), Ok(Data::Float(vec![0.0; 3])));
        check(float(&[1.0, 2.0, 3.0], &[2]), Ok(Data::Float(vec![1.0, 2.0])));
        check(float(&[7.0, 8.0], &[]), Ok(Data::Float(vec![7.0])));
        check(
            TensorProto {
                tensor_shape: None,
                ..float(&[7.0], &[])
            },
            Ok(Data::Float(vec![7.0])),
        );
        check(float(&[1.0], &[0, 5]), Ok(Data::Float(vec![])));
        let wrong_list = TensorProto {
            int_val: vec![9],
            ..proto(DataType::DtFloat, &[2])
        };
        check(wrong_list, Ok(Data::Float(vec![0.0, 0.0])));
        let bytes = TensorProto {
            int_val: vec![300, -1],
            ..proto(DataType::DtUint8, &[2])
        };
        check(bytes, Ok(Data::UInt8(vec![44, 255])));
        let shorts = TensorProto {
            int_val: vec![70000],
            ..proto(DataType::DtInt16, &[1])
        };
        check(shorts, Ok(Data::Int16(vec![4464])));
        let half = TensorProto {
            half_val: vec![0x1_3c00],
            ..proto(DataType::DtHalf, &[1])
        };
        check(half, Ok(Data::Half(vec![0x3c00])));
        check(
            proto(DataType::DtString, &[2]),
            Ok(Data::String(vec![Bytes::new(); 2])),
        );
    }

    #[test]
    fn a_truth_value_is_zero_or_one() {
        let bools = |bytes: &'static [u8]| TensorProto {
            tensor_content: Bytes::from_static(bytes),
            ..proto(DataType::DtBool, &[2])
        };
        check(bools(&[0, 1]), Ok(Data::Bool(vec![false, true])));
        check(bools(&[1, 2]), Err(DecodeError::Content));
    }

    #[test]
    fn reads_raw_bytes_of_exactly_the_right_length() {
        let content = |dtype, dims: &[i64], bytes: &[u8]| TensorProto {
            tensor_content: Bytes::copy_from_slice(bytes),
            ..proto(dtype, dims)
        };
        check(
            content(DataType::DtInt32, &[1], &[1, 2, 0, 0]),
            Ok(Data::Int32(vec![513])),
        );
        check(
            content(DataType::DtInt32, &[1], &[1, 2, 0]),
            Err(DecodeError::Content),
        );
        check(
            content(DataType::DtInt32, &[2], &[1, 2, 0, 0]),
            Err(DecodeError::Content),
        );
        check(content(DataType::DtInt32, &[0], &[1]), Err(DecodeError::Content));
        let two = Data::String(vec![Bytes::from_static(b"a"), Bytes::from_static(b"bc")]);
        check(content(DataType::DtString, &[2], b"\x01\x02abc"), Ok(two));
        check(
            content(DataType::DtString, &[2], b"\x01\x02ab"),
            Err(DecodeError::Content),
        );
        check(
            content(DataType::DtString, &[2], b"\x01\x02abcd"),
            Err(DecodeError::Content),
        );
        check(
            content(DataType::DtString, &[9], b"\x01\x02abcd"),
            Err(DecodeError::Content),
        );
        check(
            content(DataType::DtString, &[1], b"\xff\xff\xff\xff\xff\xff"),
            Err(DecodeError::Content),
        );
    }

    #[test]
    fn refuses_what_it_should() {
        check(proto(DataType::DtInvalid, &[1]), Err(DecodeError::Type(0)));
        check(
            TensorProto {
                dtype: 101,
                ..proto(DataType::DtFloat, &[1])
            },
            Err(DecodeError::Type(101)),
        );
        check(proto(DataType::DtFloat, &[-1]), Err(DecodeError::Shape));
        check(
            proto(DataType::DtFloat, &[i64::MAX, i64::MAX]),
            Err(DecodeError::Shape),
        );
        check(
            proto(DataType::DtFloat, &[1 << 18]),
            Ok(Data::Float(vec![0.0; 1 << 18])),
        );
        check(
            proto(DataType::DtFloat, &[(1 << 18) + 1]),
            Err(DecodeError::TooLarge { limit: LIMIT }),
        );
        check(
            proto(DataType::DtString, &[1 << 19]),
            Err(DecodeError::TooLarge { limit: LIMIT }),
        );
        check(proto(DataType::DtFloat, &[1; 255]), Err(DecodeError::Rank));
    }

    #[test]
    fn what_is_written_reads_back() {
        let all = [
            Data::Float(vec![1.5, -0.0]),
            Data::Double(vec![1e300, 2.0]),
            Data::Int8(vec![-1, 2]),
            Data::Int16(vec![-300, 2]),
            Data::Int32(vec![i32::MIN, 2]),
            Data::Int64(vec![i64::MIN, 2]),
            Data::UInt8(vec![255, 2]),
            Data::UInt16(vec![65535, 2]),
            Data::UInt32(vec![u32::MAX, 2]),
            Data::UInt64(vec![u64::MAX, 2]),
            Data::Bool(vec![true, false]),
            Data::Half(vec![0x3c00, 1]),
            Data::BFloat16(vec![0x3f80, 1]),
            Data::String(vec![Bytes::from(vec![b'x'; 300]), Bytes::new()]),
        ];
        for data in all {
            let tensor = Tensor::new(vec![2, 1], data).expect("two elements");
            for encoding in [Encoding::Typed, Encoding::Content] {
                assert_eq!(
                    decode(encode(tensor.clone(), encoding), LIMIT).as_ref(),
                    Ok(&tensor)
                );
            }
        }
    }
}
