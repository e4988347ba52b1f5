//! Tensors in TensorFlow's terms: a type, a shape, elements in row-major order.
//!
//! Engines convert from and to their own; nothing outside an engine knows another representation.

use bytes::Bytes;
use strongroom_api::serving::DataType;

pub mod dtype;
pub mod proto;

pub use dtype::type_name;

/// A dense tensor. The number of elements equals the product of the shape.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

/// Elements, by type.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "one variant per element type")]
pub enum Data {
    Float(Vec<f32>),
    Double(Vec<f64>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    UInt8(Vec<u8>),
    UInt16(Vec<u16>),
    UInt32(Vec<u32>),
    UInt64(Vec<u64>),
    Bool(Vec<bool>),
    /// IEEE half precision, as bits.
    Half(Vec<u16>),
    /// Brain floats, as bits.
    BFloat16(Vec<u16>),
    /// Real and imaginary part.
    Complex64(Vec<[f32; 2]>),
    /// Real and imaginary part.
    Complex128(Vec<[f64; 2]>),
    /// Quantized, as the integers that stand for them.
    QInt8(Vec<i8>),
    QUInt8(Vec<u8>),
    QInt16(Vec<i16>),
    QUInt16(Vec<u16>),
    QInt32(Vec<i32>),
    /// Byte strings.
    String(Vec<Bytes>),
}

/// Shape and elements do not fit each other.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{elements} elements do not fill a tensor of shape {shape:?}")]
pub struct ShapeMismatch {
    shape: Vec<usize>,
    elements: usize,
}

/// Runs `$body` with `$values` bound to the element vector, whatever its type.
#[macro_export]
#[doc(hidden)]
macro_rules! each_type {
    ($data:expr, $values:ident => $body:expr) => {
        match $data {
            $crate::tensor::Data::Float($values) => $body,
            $crate::tensor::Data::Double($values) => $body,
            $crate::tensor::Data::Int8($values) => $body,
            $crate::tensor::Data::Int16($values) => $body,
            $crate::tensor::Data::Int32($values) => $body,
            $crate::tensor::Data::Int64($values) => $body,
            $crate::tensor::Data::UInt8($values) => $body,
            $crate::tensor::Data::UInt16($values) => $body,
            $crate::tensor::Data::UInt32($values) => $body,
            $crate::tensor::Data::UInt64($values) => $body,
            $crate::tensor::Data::Bool($values) => $body,
            $crate::tensor::Data::Half($values) => $body,
            $crate::tensor::Data::BFloat16($values) => $body,
            $crate::tensor::Data::Complex64($values) => $body,
            $crate::tensor::Data::Complex128($values) => $body,
            $crate::tensor::Data::QInt8($values) => $body,
            $crate::tensor::Data::QUInt8($values) => $body,
            $crate::tensor::Data::QInt16($values) => $body,
            $crate::tensor::Data::QUInt16($values) => $body,
            $crate::tensor::Data::QInt32($values) => $body,
            $crate::tensor::Data::String($values) => $body,
        }
    };
}

impl Tensor {
    /// A tensor of `shape` (row-major; empty for a scalar).
    ///
    /// # Errors
    /// When the number of elements is not the product of the shape.
    pub fn new(shape: Vec<usize>, data: Data) -> Result<Self, ShapeMismatch> {
        if elements_of(&shape) == Some(data.len()) {
            Ok(Self { shape, data })
        } else {
            Err(ShapeMismatch {
                shape,
                elements: data.len(),
            })
        }
    }

    /// Sizes of its dimensions, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its elements.
    #[must_use]
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Shape and elements, taken apart.
    #[must_use]
    pub fn into_parts(self) -> (Vec<usize>, Data) {
        (self.shape, self.data)
    }

    /// Type of its elements.
    #[must_use]
    pub fn dtype(&self) -> DataType {
        self.data.dtype()
    }
}

/// Shape and type only: elements are somebody's secret.
impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({} {:?})", type_name(self.dtype()), self.shape)
    }
}

impl Data {
    /// Type of the elements.
    #[must_use]
    pub fn dtype(&self) -> DataType {
        match self {
            Self::Float(_) => DataType::DtFloat,
            Self::Double(_) => DataType::DtDouble,
            Self::Int8(_) => DataType::DtInt8,
            Self::Int16(_) => DataType::DtInt16,
            Self::Int32(_) => DataType::DtInt32,
            Self::Int64(_) => DataType::DtInt64,
            Self::UInt8(_) => DataType::DtUint8,
            Self::UInt16(_) => DataType::DtUint16,
            Self::UInt32(_) => DataType::DtUint32,
            Self::UInt64(_) => DataType::DtUint64,
            Self::Bool(_) => DataType::DtBool,
            Self::Half(_) => DataType::DtHalf,
            Self::BFloat16(_) => DataType::DtBfloat16,
            Self::Complex64(_) => DataType::DtComplex64,
            Self::Complex128(_) => DataType::DtComplex128,
            Self::QInt8(_) => DataType::DtQint8,
            Self::QUInt8(_) => DataType::DtQuint8,
            Self::QInt16(_) => DataType::DtQint16,
            Self::QUInt16(_) => DataType::DtQuint16,
            Self::QInt32(_) => DataType::DtQint32,
            Self::String(_) => DataType::DtString,
        }
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        each_type!(self, values => values.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Product of a shape, unless it overflows.
#[must_use]
pub fn elements_of(shape: &[usize]) -> Option<usize> {
    // An empty dimension empties the tensor, however large the others claim to be.
    if shape.contains(&0) {
        return Some(0);
    }
    shape
        .iter()
        .try_fold(1usize, |product, size| product.checked_mul(*size))
}
