//! TensorFlow Serving's wire: the messages, and the words that both of its faces share.

pub use crate::proto::tensorflow::serving::*;
pub use crate::proto::tensorflow::{
    DataType, SignatureDef, TensorInfo, TensorProto, TensorShapeProto, error::Code, tensor_info,
    tensor_shape_proto,
};

/// Signature that a request means when it names none.
pub const DEFAULT_SIGNATURE: &str = "serving_default";
/// `method_name` of a signature for `Predict`.
pub const PREDICT_METHOD: &str = "tensorflow/serving/predict";
/// Type URL under which metadata answers carry their signatures.
pub const SIGNATURE_DEF_MAP_TYPE_URL: &str = "type.googleapis.com/tensorflow.serving.SignatureDefMap";
