//! Small ONNX files made by hand, one change each.

use super::*;

/// A graph `y = op(x)` over float tensors of shape [?, 2].
pub(in crate::engine) fn model(op: &str) -> ModelProto {
    let float = |name: &str| value(name, 1, &[None, Some(2)]);
    let node = NodeProto {
        input: vec!["x".into()],
        output: vec!["y".into()],
        op_type: op.into(),
        ..NodeProto::default()
    };
    let graph = GraphProto {
        node: vec![node],
        input: vec![float("x")],
        output: vec![float("y")],
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: vec![OperatorSetId {
            domain: String::new(),
            version: 17,
        }],
        ..ModelProto::default()
    }
}

pub(in crate::engine) fn value(name: &str, elem_type: i32, shape: &[Option<i64>]) -> ValueInfoProto {
    let dim = shape.iter().map(|size| Dimension { dim_value: *size }).collect();
    let tensor = TensorType {
        elem_type,
        shape: Some(Shape { dim }),
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            tensor_type: Some(tensor),
        }),
    }
}

fn changed(change: impl FnOnce(&mut GraphProto)) -> Result<Checked, OnnxError> {
    let mut model = model("Relu");
    change(model.graph.as_mut().expect("a graph"));
    check(&model.encode_to_vec(), Operators::Embedded)
}

fn code(outcome: Result<Checked, OnnxError>) -> &'static str {
    outcome.map_or_else(|error| error.code(), |_| "ok")
}

#[test]
fn reads_the_signature() {
    let checked = changed(|_| ()).expect("a good model");
    let x = TensorSpec {
        name: "x".into(),
        dtype: DataType::DtFloat,
        shape: Some(vec![None, Some(2)]),
    };
    assert_eq!(checked.signature.inputs, BTreeMap::from([("x".to_owned(), x)]));
    assert!(checked.external.is_empty());
}

#[test]
fn weights_are_no_inputs() {
    let checked = changed(|graph| {
        graph.input.push(value("w", 1, &[Some(1)]));
        graph.initializer.push(TensorProto {
            name: "w".into(),
            ..TensorProto::default()
        });
    });
    let inputs: Vec<String> = checked
        .expect("a good model")
        .signature
        .inputs
        .into_keys()
        .collect();
    assert_eq!(inputs, ["x"]);
}

#[test]
fn notes_where_weights_lie() {
    let location = StringEntry {
        key: "location".into(),
        value: "../../etc/passwd".into(),
    };
    let weights = TensorProto {
        external_data: vec![location],
        ..TensorProto::default()
    };
    let checked = changed(|graph| graph.initializer.push(weights)).expect("a good structure");
    assert!(checked.external.contains("../../etc/passwd"));
}

#[test]
fn refuses_what_it_should() {
    assert_eq!(code(changed(|_| ())), "ok");
    assert_eq!(
        code(changed(|graph| graph.node[0].op_type = "ReadFile".into())),
        "model.operator_refused"
    );
    assert_eq!(
        code(changed(|graph| graph.node[0].domain = "evil".into())),
        "model.operator_refused"
    );
    let nested = |graph: &mut GraphProto| {
        let inner = GraphProto {
            node: vec![NodeProto {
                op_type: "PyOp".into(),
                ..NodeProto::default()
            }],
            ..GraphProto::default()
        };
        graph.node[0].attribute.push(AttributeProto {
            g: Some(inner),
            ..AttributeProto::default()
        });
    };
    assert_eq!(code(changed(nested)), "model.operator_refused");
    assert_eq!(
        code(changed(|graph| graph.input[0].r#type = None)),
        "model.element_type"
    );
    let mut in_function = model("Relu");
    in_function.functions.push(FunctionProto {
        node: vec![NodeProto {
            op_type: "PyOp".into(),
            ..NodeProto::default()
        }],
    });
    assert_eq!(
        code(check(&in_function.encode_to_vec(), Operators::Embedded)),
        "model.operator_refused"
    );
    assert_eq!(
        code(check(b"\x08\x08\x3a\xff", Operators::Embedded)),
        "model.malformed"
    );
    assert_eq!(code(check(b"", Operators::Embedded)), "model.malformed");
}

#[test]
fn knows_an_onnx_file_by_its_first_bytes() {
    assert!(is_onnx(&model("Relu").encode_to_vec()));
    assert!(!is_onnx(b"SRBUNDLE"));
    assert!(!is_onnx(b""));
}
