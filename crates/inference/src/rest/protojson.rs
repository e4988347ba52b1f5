//! Status and metadata, as protobuf's JSON printer writes them: one space per level, default values shown, 64-bit
//! integers as strings.

use std::collections::BTreeMap;

use strongroom_api::serving::{
    GetModelStatusResponse, SignatureDef, TensorInfo, TensorProto, TensorShapeProto, tensor_info::Encoding,
};

mod tensor;

use tensor::{dtype_name, tensor_json};

/// `GET /v1/models/M`.
#[must_use]
pub fn status(response: &GetModelStatusResponse) -> String {
    let version = |status: &strongroom_api::serving::ModelVersionStatus| {
        let inner = status.status.clone().unwrap_or_default();
        Json::object([
            ("version", Json::string(&status.version.to_string())),
            ("state", Json::string(status.state().as_str_name())),
            (
                "status",
                Json::object([
                    ("error_code", Json::string(inner.error_code().as_str_name())),
                    ("error_message", Json::string(&inner.error_message)),
                ]),
            ),
        ])
    };
    let versions = response.model_version_status.iter().map(version).collect();
    Json::object([("model_version_status", Json::Array(versions))]).print()
}

/// `GET /v1/models/M/metadata`: two printed messages, put together by hand in the original.
#[must_use]
pub fn metadata(model: &str, version: i64, signatures: &BTreeMap<String, SignatureDef>) -> String {
    let spec = Json::object([
        ("name", Json::string(model)),
        ("signature_name", Json::string("")),
        ("version", Json::string(&version.to_string())),
    ]);
    let signature = |(name, signature): (&String, &SignatureDef)| (name.clone(), signature_json(signature));
    let map = Json::object([(
        "signature_def",
        Json::Object(signatures.iter().map(signature).collect()),
    )]);
    format!(
        "{{\n\"model_spec\":{},\n\"metadata\": {{\"signature_def\": {}}}\n}}\n",
        spec.print(),
        map.print()
    )
}

fn signature_json(signature: &SignatureDef) -> Json {
    let infos = |infos: &BTreeMap<String, TensorInfo>| {
        Json::Object(
            infos
                .iter()
                .map(|(alias, info)| (alias.clone(), info_json(info)))
                .collect(),
        )
    };
    let default = |(alias, value): (&String, &TensorProto)| (alias.clone(), tensor_json(value));
    Json::object([
        ("inputs", infos(&signature.inputs)),
        ("outputs", infos(&signature.outputs)),
        ("method_name", Json::string(&signature.method_name)),
        (
            "defaults",
            Json::Object(signature.defaults.iter().map(default).collect()),
        ),
    ])
}

fn info_json(info: &TensorInfo) -> Json {
    let mut members = vec![("dtype".to_owned(), Json::String(dtype_name(info.dtype)))];
    // A message that is not there is not printed.
    if let Some(shape) = &info.tensor_shape {
        members.push(("tensor_shape".to_owned(), shape_json(shape)));
    }
    // Of alternatives the printer shows the one that is set.
    match &info.encoding {
        Some(Encoding::Name(name)) => members.push(("name".to_owned(), Json::string(name))),
        Some(Encoding::CooSparse(sparse)) => {
            let names = [
                ("values_tensor_name", Json::string(&sparse.values_tensor_name)),
                ("indices_tensor_name", Json::string(&sparse.indices_tensor_name)),
                (
                    "dense_shape_tensor_name",
                    Json::string(&sparse.dense_shape_tensor_name),
                ),
            ];
            members.push(("coo_sparse".to_owned(), Json::object(names)));
        }
        None => {}
    }
    Json::Object(members)
}

fn shape_json(shape: &TensorShapeProto) -> Json {
    let dim = |dim: &strongroom_api::serving::tensor_shape_proto::Dim| {
        Json::object([
            ("size", Json::string(&dim.size.to_string())),
            ("name", Json::string(&dim.name)),
        ])
    };
    Json::object([
        ("dim", Json::Array(shape.dim.iter().map(dim).collect())),
        ("unknown_rank", Json::Raw(shape.unknown_rank.to_string())),
    ])
}

enum Json {
    Raw(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn string(text: &str) -> Self {
        Self::String(text.to_owned())
    }

    fn object<const N: usize>(members: [(&str, Json); N]) -> Self {
        Self::Object(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    fn print(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out.push('\n');
        out
    }

    fn write(&self, out: &mut String, level: usize) {
        match self {
            Self::Raw(text) => out.push_str(text),
            Self::String(text) => write_string(out, text),
            Self::Array(elements) if elements.is_empty() => out.push_str("[]"),
            Self::Object(members) if members.is_empty() => out.push_str("{}"),
            Self::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    new_line(out, index, level + 1);
                    element.write(out, level + 1);
                }
                new_line(out, 0, level);
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    new_line(out, index, level + 1);
                    write_string(out, name);
                    out.push_str(": ");
                    value.write(out, level + 1);
                }
                new_line(out, 0, level);
                out.push('}');
            }
        }
    }
}

fn new_line(out: &mut String, before: usize, level: usize) {
    if before > 0 {
        out.push(',');
    }
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', level));
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '\0'..' ' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use strongroom_api::serving::{DataType, ModelVersionStatus, StatusProto, model_version_status::State};

    use super::*;
    use crate::engine::{Signature, TensorSpec};

    #[test]
    fn status_is_printed_as_protobuf_does() {
        let version = ModelVersionStatus {
            version: 123,
            state: State::Available.into(),
            status: Some(StatusProto::default()),
        };
        let text = status(&GetModelStatusResponse {
            model_version_status: vec![version],
        });
        let expected = "{\n \"model_version_status\": [\n  {\n   \"version\": \"123\",\n   \"state\": \"AVAILABLE\",\n   \
                        \"status\": {\n    \"error_code\": \"OK\",\n    \"error_message\": \"\"\n   }\n  }\n ]\n}\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn metadata_doubles_the_key_that_clients_expect_doubled() {
        let spec = TensorSpec {
            name: "x:0".into(),
            dtype: DataType::DtFloat,
            shape: Some(vec![None, Some(1)]),
        };
        let signature = Signature::predict(BTreeMap::from([("x".to_owned(), spec)]), BTreeMap::new());
        let text = metadata(
            "m",
            7,
            &BTreeMap::from([("serving_default".to_owned(), signature.to_proto())]),
        );
        assert!(text.starts_with("{\n\"model_spec\":{\n \"name\": \"m\",\n \"signature_name\": \"\",\n"));
        let parsed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(parsed["model_spec"]["version"], "7");
        let x = &parsed["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]["x"];
        assert_eq!(x["dtype"], "DT_FLOAT");
        assert_eq!(x["tensor_shape"]["dim"][0]["size"], "-1");
        assert_eq!(x["tensor_shape"]["unknown_rank"], false);
        assert_eq!(x["name"], "x:0");
    }
}
