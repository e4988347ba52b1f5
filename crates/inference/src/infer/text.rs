//! Shapes and signatures as TensorFlow prints them in refusals.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use strongroom_api::serving::{SignatureDef, TensorInfo, tensor_info};

use crate::engine::Signature;

/// `[2,3]`.
pub(super) fn shape(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", sizes.join(","))
}

/// A signature as protobuf text.
pub(super) fn signature(signature: &Signature) -> String {
    let SignatureDef {
        inputs,
        outputs,
        method_name,
        ..
    } = signature.to_proto();
    let mut text = String::new();
    entries(&mut text, "inputs", &inputs);
    entries(&mut text, "outputs", &outputs);
    if !method_name.is_empty() {
        let _ = writeln!(text, "method_name: {method_name:?}");
    }
    text
}

fn entries(text: &mut String, field: &str, infos: &BTreeMap<String, TensorInfo>) {
    for (alias, info) in infos {
        let _ = write!(text, "{field} {{\n  key: {alias:?}\n  value {{\n");
        if let Some(tensor_info::Encoding::Name(name)) = &info.encoding {
            let _ = writeln!(text, "    name: {name:?}");
        }
        let _ = writeln!(text, "    dtype: {}", info.dtype().as_str_name());
        if let Some(shape) = &info.tensor_shape {
            text.push_str("    tensor_shape {\n");
            for dim in &shape.dim {
                let _ = write!(text, "      dim {{\n        size: {}\n      }}\n", dim.size);
            }
            if shape.unknown_rank {
                text.push_str("      unknown_rank: true\n");
            }
            text.push_str("    }\n");
        }
        text.push_str("  }\n}\n");
    }
}
