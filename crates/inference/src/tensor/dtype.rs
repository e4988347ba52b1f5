//! TensorFlow's names for element types, and how much room one element takes.

use strongroom_api::serving::DataType;

/// The name in TensorFlow's messages (`float`, `int32`, …).
#[must_use]
pub fn type_name(dtype: DataType) -> &'static str {
    match dtype {
        DataType::DtInvalid => "INVALID",
        DataType::DtFloat => "float",
        DataType::DtDouble => "double",
        DataType::DtInt32 => "int32",
        DataType::DtUint8 => "uint8",
        DataType::DtInt16 => "int16",
        DataType::DtInt8 => "int8",
        DataType::DtString => "string",
        DataType::DtComplex64 => "complex64",
        DataType::DtInt64 => "int64",
        DataType::DtBool => "bool",
        DataType::DtQint8 => "qint8",
        DataType::DtQuint8 => "quint8",
        DataType::DtQint32 => "qint32",
        DataType::DtBfloat16 => "bfloat16",
        DataType::DtQint16 => "qint16",
        DataType::DtQuint16 => "quint16",
        DataType::DtUint16 => "uint16",
        DataType::DtComplex128 => "complex128",
        DataType::DtHalf => "half",
        DataType::DtResource => "resource",
        DataType::DtVariant => "variant",
        DataType::DtUint32 => "uint32",
        DataType::DtUint64 => "uint64",
        DataType::DtFloat8E5m2 => "float8_e5m2",
        DataType::DtFloat8E4m3fn => "float8_e4m3fn",
        DataType::DtFloat8E4m3fnuz => "float8_e4m3fnuz",
        DataType::DtFloat8E4m3b11fnuz => "float8_e4m3b11fnuz",
        DataType::DtFloat8E5m2fnuz => "float8_e5m2fnuz",
        DataType::DtInt4 => "int4",
        DataType::DtUint4 => "uint4",
        DataType::DtInt2 => "int2",
        DataType::DtUint2 => "uint2",
        DataType::DtFloat4E2m1fn => "float4_e2m1fn",
    }
}

/// Bytes that one element takes in memory; for strings, what an empty one takes.
#[must_use]
pub fn element_bytes(dtype: DataType) -> usize {
    match dtype {
        DataType::DtInt8 | DataType::DtUint8 | DataType::DtBool | DataType::DtQint8 | DataType::DtQuint8 => 1,
        DataType::DtInt16
        | DataType::DtUint16
        | DataType::DtHalf
        | DataType::DtBfloat16
        | DataType::DtQint16
        | DataType::DtQuint16 => 2,
        DataType::DtFloat | DataType::DtInt32 | DataType::DtUint32 | DataType::DtQint32 => 4,
        DataType::DtComplex128 => 16,
        DataType::DtString => size_of::<bytes::Bytes>(),
        _ => 8,
    }
}
