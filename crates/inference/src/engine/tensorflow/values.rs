//! Between our tensors and the library's.

use std::sync::Arc;

use prost::Message as _;
use strongroom_api::serving::{Code, DataType};

use super::sys::{Api, Failure, Value};
use crate::error::RequestError;
use crate::tensor::{Data, Tensor, elements_of, proto, type_name};

/// A tensor of the library with the same elements.
pub(super) fn to_library(api: &Arc<Api>, tensor: Tensor) -> Result<Value, RequestError> {
    let dtype = i32::from(tensor.dtype());
    if let Data::String(_) = tensor.data() {
        let proto = proto::encode(tensor, proto::Encoding::Typed).encode_to_vec();
        return Value::from_proto(api, dtype, &proto).map_err(refused);
    }
    let (shape, data) = tensor.into_parts();
    let dims: Vec<i64> = shape
        .iter()
        .map(|&size| i64::try_from(size).unwrap_or(i64::MAX))
        .collect();
    let make = |bytes: &[u8]| Value::new(api, dtype, &dims, bytes);
    let value = match &data {
        Data::Float(values) => make(bytemuck::cast_slice(values)),
        Data::Double(values) => make(bytemuck::cast_slice(values)),
        Data::Int8(values) | Data::QInt8(values) => make(bytemuck::cast_slice(values)),
        Data::Int16(values) | Data::QInt16(values) => make(bytemuck::cast_slice(values)),
        Data::Int32(values) | Data::QInt32(values) => make(bytemuck::cast_slice(values)),
        Data::Int64(values) => make(bytemuck::cast_slice(values)),
        Data::UInt8(values) | Data::QUInt8(values) => make(values),
        Data::UInt16(values) | Data::QUInt16(values) => make(bytemuck::cast_slice(values)),
        Data::UInt32(values) => make(bytemuck::cast_slice(values)),
        Data::UInt64(values) => make(bytemuck::cast_slice(values)),
        Data::Half(values) | Data::BFloat16(values) => make(bytemuck::cast_slice(values)),
        Data::Complex64(values) => make(bytemuck::cast_slice(values)),
        Data::Complex128(values) => make(bytemuck::cast_slice(values)),
        Data::Bool(values) => make(&values.iter().map(|&value| u8::from(value)).collect::<Vec<_>>()),
        Data::String(_) => None,
    };
    value.ok_or_else(|| RequestError::new(Code::ResourceExhausted, "there is no memory for an input"))
}

/// Our tensor with the elements of the library's.
pub(super) fn from_library(alias: &str, value: &Value) -> Result<Tensor, RequestError> {
    let shape = value.shape();
    let number = value.dtype();
    let dtype = DataType::try_from(number).unwrap_or(DataType::DtInvalid);
    let unsupported = || {
        let text = format!(
            "output {alias} is of type {}, which has no wire form here",
            type_name(dtype)
        );
        RequestError::new(Code::Unimplemented, text)
    };
    let bytes = value.bytes();
    let data = match dtype {
        DataType::DtFloat => Data::Float(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtDouble => Data::Double(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtInt8 => Data::Int8(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtInt16 => Data::Int16(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtInt32 => Data::Int32(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtInt64 => Data::Int64(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtUint8 => Data::UInt8(bytes.to_vec()),
        DataType::DtUint16 => Data::UInt16(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtUint32 => Data::UInt32(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtUint64 => Data::UInt64(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtHalf => Data::Half(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtBfloat16 => Data::BFloat16(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtComplex64 => Data::Complex64(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtComplex128 => Data::Complex128(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtQint8 => Data::QInt8(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtQuint8 => Data::QUInt8(bytes.to_vec()),
        DataType::DtQint16 => Data::QInt16(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtQuint16 => Data::QUInt16(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtQint32 => Data::QInt32(bytemuck::pod_collect_to_vec(bytes)),
        DataType::DtBool => Data::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
        DataType::DtString => {
            let count = elements_of(&shape).ok_or_else(unsupported)?;
            Data::String(value.strings(count).ok_or_else(unsupported)?)
        }
        _ => return Err(unsupported()),
    };
    Tensor::new(shape, data).map_err(|_| unsupported())
}

/// TensorFlow's own code and text: clients know them.
pub(super) fn refused(failure: Failure) -> RequestError {
    let code = Code::try_from(failure.code).unwrap_or(Code::Unknown);
    RequestError::new(code, failure.message)
}
