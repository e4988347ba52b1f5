//! Tensors to ONNX Runtime's and back.

use ::half::vec::{HalfBitsVecExt as _, HalfFloatVecExt as _};
use ::half::{bf16, f16};
use ::ort::ErrorCode;
use ::ort::session::SessionInputValue;
use ::ort::value::{DynValue, Tensor as OrtTensor, Utf8Data};
use bytes::Bytes;
use strongroom_api::serving::DataType;

use super::NAME;
use crate::engine::{EngineError, TensorSpec};
use crate::tensor::{Data, Tensor, type_name};

/// Refuses element types that a call cannot carry.
pub(super) fn check_type(alias: &str, spec: &TensorSpec) -> Result<(), EngineError> {
    match spec.dtype {
        DataType::DtComplex64 | DataType::DtComplex128 => Err(EngineError::ElementType {
            engine: NAME,
            tensor: alias.to_owned(),
            dtype: type_name(spec.dtype).to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The elements under another shape of as many elements; they are not copied, but for strings.
pub(super) fn to_engine(shape: Vec<usize>, data: Data) -> ::ort::Result<SessionInputValue<'static>> {
    Ok(match data {
        Data::Float(values) => OrtTensor::from_array((shape, values))?.into(),
        Data::Double(values) => OrtTensor::from_array((shape, values))?.into(),
        Data::Int8(values) => OrtTensor::from_array((shape, values))?.into(),
        Data::Int16(values) => OrtTensor::from_array((shape, values))?.into(),
        Data::Int32(values) => OrtTensor::from_array((shape, values))?.into(),
        Data::Int64(values) => OrtTensor::from_array((shape, values))?.into(),
        Data::UInt8(values) => OrtTensor::from_array((shape, values))?.into(),
        Data::UInt16(values) => OrtTensor::from_array((shape, values))?.into(),
        Data::UInt32(values) => OrtTensor::from_array((shape, values))?.into(),
        Data::UInt64(values) => OrtTensor::from_array((shape, values))?.into(),
        Data::Bool(values) => OrtTensor::from_array((shape, values))?.into(),
        Data::Half(bits) => OrtTensor::from_array((shape, bits.reinterpret_into::<f16>()))?.into(),
        Data::BFloat16(bits) => OrtTensor::from_array((shape, bits.reinterpret_into::<bf16>()))?.into(),
        Data::String(values) => {
            let values: Vec<Text> = values.into_iter().map(Text).collect();
            OrtTensor::from_string_array((shape, values.as_slice()))?.into()
        }
        // No model with such inputs is loaded.
        other => {
            return Err(::ort::Error::new_with_code(
                ErrorCode::NotImplemented,
                format!("elements of type {}", type_name(other.dtype())),
            ));
        }
    })
}

/// `None` where the value is no tensor of the declared type.
pub(super) fn from_engine(value: &DynValue, declared: DataType) -> Option<Tensor> {
    macro_rules! read {
        ($element:ty, $data:expr) => {{
            let (shape, values) = value.try_extract_tensor::<$element>().ok()?;
            (shape, $data(values.to_vec()))
        }};
    }
    let (shape, data) = match declared {
        DataType::DtFloat => read!(f32, Data::Float),
        DataType::DtDouble => read!(f64, Data::Double),
        DataType::DtInt8 => read!(i8, Data::Int8),
        DataType::DtInt16 => read!(i16, Data::Int16),
        DataType::DtInt32 => read!(i32, Data::Int32),
        DataType::DtInt64 => read!(i64, Data::Int64),
        DataType::DtUint8 => read!(u8, Data::UInt8),
        DataType::DtUint16 => read!(u16, Data::UInt16),
        DataType::DtUint32 => read!(u32, Data::UInt32),
        DataType::DtUint64 => read!(u64, Data::UInt64),
        DataType::DtBool => read!(bool, Data::Bool),
        DataType::DtHalf => read!(f16, |values: Vec<f16>| Data::Half(values.reinterpret_into())),
        DataType::DtBfloat16 => read!(bf16, |values: Vec<bf16>| Data::BFloat16(
            values.reinterpret_into()
        )),
        DataType::DtString => {
            let (shape, values) = value.try_extract_strings().ok()?;
            (shape, Data::String(values.into_iter().map(Bytes::from).collect()))
        }
        _ => return None,
    };
    let shape = shape.iter().map(|size| usize::try_from(*size).ok());
    Tensor::new(shape.collect::<Option<_>>()?, data).ok()
}

/// TensorFlow's strings are bytes.
#[derive(Clone)]
struct Text(Bytes);

impl Utf8Data for Text {
    fn as_utf8_bytes(&self) -> &[u8] {
        &self.0
    }
}
