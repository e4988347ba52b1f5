//! TensorFlow Serving's wire: the messages, and the words that both of its faces share.

pub use crate::proto::tensorflow::serving::*;
pub use crate::proto::tensorflow::{
    DataType, SignatureDef, TensorInfo, TensorProto, TensorShapeProto, error::Code, tensor_info,
    tensor_shape_proto,
};

/// A SavedModel's file, and what TensorFlow sessions are told.
pub mod saved_model {
    pub use crate::proto::tensorflow::{
        AssetFileDef, AttrValue, CollectionDef, ConfigProto, FunctionDef, FunctionDefLibrary, GradientDef,
        GraphDef, MetaGraphDef, NameAttrList, NodeDef, OpDef, RunOptions, SavedModel, SaverDef, attr_value,
        collection_def, meta_graph_def, op_def,
    };
}

/// Rows of named features.
pub mod example {
    pub use crate::proto::tensorflow::{
        BytesList, Example, Feature, Features, FloatList, Int64List, feature,
    };
}

/// The services that a model server serves, with all that they refer to: an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!("descriptors.bin");
/// The messages that are read from text files, with all that they refer to: an encoded `FileDescriptorSet`.
pub const CONFIGURATION_DESCRIPTORS: &[u8] = include_bytes!("configuration.bin");
/// Signature that a request means when it names none.
pub const DEFAULT_SIGNATURE: &str = "serving_default";
/// `method_name` of a signature for `Predict`.
pub const PREDICT_METHOD: &str = "tensorflow/serving/predict";
/// `method_name` of a signature for `Classify`.
pub const CLASSIFY_METHOD: &str = "tensorflow/serving/classify";
/// `method_name` of a signature for `Regress`.
pub const REGRESS_METHOD: &str = "tensorflow/serving/regress";
/// Type URL under which metadata answers carry their signatures.
pub const SIGNATURE_DEF_MAP_TYPE_URL: &str = "type.googleapis.com/tensorflow.serving.SignatureDefMap";
