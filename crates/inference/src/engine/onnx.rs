//! What an ONNX file says of itself: signature, operators, external data. Read before any engine sees the file.
//!
//! Messages from onnx.proto3, with only the fields that are asked for here: weights are skipped, not copied.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use strongroom_api::serving::DataType;

use super::operators::Operators;
use super::{Signature, TensorSpec};

/// Why an ONNX file may not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// Not an ONNX message.
    #[error("the file is not an ONNX model")]
    Malformed(#[source] prost::DecodeError),
    /// The file holds no graph.
    #[error("the ONNX model holds no graph")]
    NoGraph,
    /// An operator that may not run here.
    #[error("operator {domain}/{operator} is not on the list of operators that may run here")]
    Operator {
        /// Its domain.
        domain: String,
        /// Its type.
        operator: String,
    },
    /// Weights in a file that is not part of the model.
    #[error("the model names {0:?} for weights, which is none of its files")]
    ExternalData(String),
    /// An input or output that is no tensor of a known type.
    #[error("{0} is no dense tensor with a known element type")]
    NotATensor(String),
}

impl OnnxError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::NoGraph => "model.malformed",
            Self::Operator { .. } => "model.operator_refused",
            Self::ExternalData(_) => "model.external_data",
            Self::NotATensor(_) => "model.element_type",
        }
    }
}

/// Facts about an ONNX model whose operators all may run.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) signature: Signature,
    /// Names of the files that hold weights.
    pub(super) external: BTreeSet<String>,
}

/// Reads the structure of an ONNX file and refuses operators outside the allow list.
pub(super) fn check(file: &[u8], operators: Operators) -> Result<Checked, OnnxError> {
    let model = ModelProto::decode(file).map_err(OnnxError::Malformed)?;
    let graph = model.graph.as_ref().ok_or(OnnxError::NoGraph)?;
    let mut external = BTreeSet::new();
    walk(graph, operators, &mut external)?;
    for function in &model.functions {
        function
            .node
            .iter()
            .try_for_each(|node| walk_node(node, operators, &mut external))?;
    }
    // Old files list their weights among the inputs as well.
    let weights: BTreeSet<&str> = graph
        .initializer
        .iter()
        .map(|tensor| tensor.name.as_str())
        .collect();
    let inputs = graph
        .input
        .iter()
        .filter(|input| !weights.contains(input.name.as_str()));
    let signature = Signature::predict(specs(inputs)?, specs(graph.output.iter())?);
    Ok(Checked { signature, external })
}

/// Whether the first bytes can be those of an ONNX file: `ir_version`, then a field that a model has.
#[must_use]
pub fn is_onnx(head: &[u8]) -> bool {
    let is_field = |byte: u8| matches!(byte, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42);
    matches!(head, [0x08, version, next, ..] if *version < 0x80 && *version != 0 && is_field(*next))
}

fn walk(graph: &GraphProto, operators: Operators, external: &mut BTreeSet<String>) -> Result<(), OnnxError> {
    graph
        .initializer
        .iter()
        .for_each(|tensor| note_external(tensor, external));
    graph
        .node
        .iter()
        .try_for_each(|node| walk_node(node, operators, external))
}

fn walk_node(
    node: &NodeProto,
    operators: Operators,
    external: &mut BTreeSet<String>,
) -> Result<(), OnnxError> {
    if !operators.may_run(&node.domain, &node.op_type) {
        let domain = if node.domain.is_empty() {
            "ai.onnx"
        } else {
            &node.domain
        };
        return Err(OnnxError::Operator {
            domain: domain.to_owned(),
            operator: node.op_type.clone(),
        });
    }
    for attribute in &node.attribute {
        attribute
            .t
            .iter()
            .chain(&attribute.tensors)
            .for_each(|tensor| note_external(tensor, external));
        attribute
            .g
            .iter()
            .chain(&attribute.graphs)
            .try_for_each(|graph| walk(graph, operators, external))?;
    }
    Ok(())
}

fn note_external(tensor: &TensorProto, external: &mut BTreeSet<String>) {
    let location = tensor
        .external_data
        .iter()
        .filter(|entry| entry.key == "location");
    external.extend(location.map(|entry| entry.value.clone()));
}

fn specs<'a>(
    values: impl Iterator<Item = &'a ValueInfoProto>,
) -> Result<BTreeMap<String, TensorSpec>, OnnxError> {
    values
        .map(|value| Ok((value.name.clone(), spec(value)?)))
        .collect()
}

fn spec(value: &ValueInfoProto) -> Result<TensorSpec, OnnxError> {
    let tensor = value.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| OnnxError::NotATensor(value.name.clone()))?;
    let dtype = element_type(tensor.elem_type).ok_or_else(|| OnnxError::NotATensor(value.name.clone()))?;
    let size = |dim: &Dimension| dim.dim_value.and_then(|size| usize::try_from(size).ok());
    let shape = tensor
        .shape
        .as_ref()
        .map(|shape| shape.dim.iter().map(size).collect());
    Ok(TensorSpec {
        name: value.name.clone(),
        dtype,
        shape,
    })
}

// `TensorProto.DataType` of onnx.proto3.
fn element_type(number: i32) -> Option<DataType> {
    Some(match number {
        1 => DataType::DtFloat,
        2 => DataType::DtUint8,
        3 => DataType::DtInt8,
        4 => DataType::DtUint16,
        5 => DataType::DtInt16,
        6 => DataType::DtInt32,
        7 => DataType::DtInt64,
        8 => DataType::DtString,
        9 => DataType::DtBool,
        10 => DataType::DtHalf,
        11 => DataType::DtDouble,
        12 => DataType::DtUint32,
        13 => DataType::DtUint64,
        14 => DataType::DtComplex64,
        15 => DataType::DtComplex128,
        16 => DataType::DtBfloat16,
        _ => return None,
    })
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ModelProto {
    #[prost(int64, tag = "1")]
    pub(super) ir_version: i64,
    #[prost(message, optional, tag = "7")]
    pub(super) graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub(super) opset_import: Vec<OperatorSetId>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<FunctionProto>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OperatorSetId {
    #[prost(string, tag = "1")]
    pub(super) domain: String,
    #[prost(int64, tag = "2")]
    pub(super) version: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FunctionProto {
    #[prost(message, repeated, tag = "7")]
    node: Vec<NodeProto>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub(super) node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    pub(super) initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub(super) input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub(super) output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub(super) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(super) output: Vec<String>,
    #[prost(string, tag = "4")]
    pub(super) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(super) attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    pub(super) domain: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AttributeProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, optional, tag = "5")]
    t: Option<TensorProto>,
    #[prost(message, optional, tag = "6")]
    pub(super) g: Option<GraphProto>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<GraphProto>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TensorProto {
    #[prost(string, tag = "8")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "13")]
    pub(super) external_data: Vec<StringEntry>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StringEntry {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, optional, tag = "2")]
    pub(super) r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub(super) tensor_type: Option<TensorType>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TensorType {
    #[prost(int32, tag = "1")]
    pub(super) elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<Shape>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub(super) dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub(super) dim_value: Option<i64>,
}

#[cfg(test)]
#[path = "onnx_tests.rs"]
pub(super) mod tests;
