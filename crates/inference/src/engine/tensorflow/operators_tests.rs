use strongroom_api::serving::saved_model::{
    AttrValue, FunctionDef, FunctionDefLibrary, GraphDef, MetaGraphDef, NameAttrList, OpDef, SaverDef,
};
use strongroom_api::serving::{SignatureDef, TensorInfo};

use super::*;

fn node(name: &str, op: &str, inputs: &[&str]) -> NodeDef {
    NodeDef {
        name: name.to_owned(),
        op: op.to_owned(),
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        ..NodeDef::default()
    }
}

fn calls(name: &str, function: &str) -> NodeDef {
    let function = NameAttrList {
        name: function.to_owned(),
    };
    NodeDef {
        attr: [(
            "f".to_owned(),
            AttrValue {
                value: Some(attr_value::Value::Func(function)),
            },
        )]
        .into(),
        ..node(name, "PartitionedCall", &[])
    }
}

fn function(name: &str, nodes: Vec<NodeDef>) -> FunctionDef {
    FunctionDef {
        signature: Some(OpDef {
            name: name.to_owned(),
        }),
        node_def: nodes,
    }
}

/// `y = x`, with nodes and functions added; the signature gives the tensor `y:0`.
fn graph(nodes: Vec<NodeDef>, functions: Vec<FunctionDef>) -> Graph {
    let mut all = vec![
        node("x", "Placeholder", &[]),
        node("save/restore", "RestoreV2", &["save/Const"]),
        node("save/restore_all", "NoOp", &["^save/restore"]),
        node("save/save", "SaveV2", &["save/Const", "x"]),
    ];
    if !nodes.iter().any(|node| node.name == "y") {
        all.push(node("y", "Identity", &["x"]));
    }
    all.extend(nodes);
    let info = TensorInfo {
        encoding: Some(tensor_info::Encoding::Name("y:0".to_owned())),
        ..TensorInfo::default()
    };
    let signature = SignatureDef {
        outputs: [("y".to_owned(), info)].into(),
        ..SignatureDef::default()
    };
    let library = FunctionDefLibrary {
        function: functions,
        ..FunctionDefLibrary::default()
    };
    Graph {
        tags: vec!["serve".to_owned()],
        meta: MetaGraphDef {
            graph_def: Some(GraphDef {
                node: all,
                library: Some(library),
            }),
            saver_def: Some(SaverDef {
                restore_op_name: "save/restore_all".to_owned(),
                ..SaverDef::default()
            }),
            signature_def: [("serving_default".to_owned(), signature)].into(),
            ..MetaGraphDef::default()
        },
    }
}

fn outcome(graph: &Graph) -> Result<(), String> {
    check(graph).map_err(|error| error.to_string())
}

#[test]
fn a_model_with_its_own_checkpoint_is_taken() {
    assert_eq!(outcome(&graph(vec![], vec![])), Ok(()));
    let called = graph(
        vec![calls("y", "f")],
        vec![function("f", vec![node("a", "AddV2", &["x", "x"])])],
    );
    assert_eq!(outcome(&called), Ok(()));
}

#[test]
fn each_kind_of_hostile_operator_is_refused() {
    for operator in [
        "ReadFile",
        "WriteFile",
        "MatchingFiles",
        "InitializeTableFromTextFileV2",
        "Print",
        "PrintV2",
        "PyFunc",
        "PyFuncStateless",
        "EagerPyFunc",
        "RemoteCall",
        "RpcCall",
        "_Send",
        "_Recv",
        "DebugIdentityV2",
        "DecodeProtoV2",
        "TextLineDataset",
        "XlaLaunch",
        "MyOwnOperator",
    ] {
        // Wherever it lies, and whether or not anything leads there.
        let refused = format!("the graph has operators that do not run in confidential mode: {operator}");
        let in_graph = graph(vec![node("z", operator, &[])], vec![]);
        assert_eq!(outcome(&in_graph), Err(refused.clone()));
        let in_function = graph(vec![], vec![function("f", vec![node("z", operator, &[])])]);
        assert_eq!(outcome(&in_function), Err(refused));
    }
}

#[test]
fn no_signature_reaches_the_checkpoint() {
    let refused = |operator: &str| {
        Err(format!(
            "signature \"serving_default\" leads to {operator}, which touches files"
        ))
    };
    let direct = graph(vec![node("y", "Identity", &["save/restore"])], vec![]);
    assert_eq!(outcome(&direct), refused("RestoreV2"));
    let by_control = graph(vec![node("y", "Identity", &["x", "^save/save"])], vec![]);
    assert_eq!(outcome(&by_control), refused("SaveV2"));
    let inner = function("inner", vec![node("s", "SaveV2", &[])]);
    let outer = function("outer", vec![calls("c", "inner")]);
    let by_function = graph(vec![calls("y", "outer")], vec![inner.clone(), outer]);
    assert_eq!(outcome(&by_function), refused("SaveV2"));
    // A function is also an operator of its name.
    let by_name = graph(vec![node("y", "inner", &[])], vec![inner]);
    assert_eq!(outcome(&by_name), refused("SaveV2"));
}

#[test]
fn nothing_is_written_at_load() {
    let writes = graph(vec![], vec![]);
    let mut restore = writes;
    let nodes = &mut restore.meta.graph_def.as_mut().expect("a graph").node;
    nodes
        .iter_mut()
        .find(|node| node.name == "save/restore_all")
        .expect("it")
        .input
        .push("^save/save".to_owned());
    assert_eq!(
        outcome(&restore),
        Err("the restore operation leads to SaveV2, which touches files".to_owned())
    );
    let mut init = graph(vec![], vec![]);
    let nodes = collection_def::NodeList {
        value: vec!["save/save".to_owned()],
    };
    let collection = strongroom_api::serving::saved_model::CollectionDef {
        kind: Some(collection_def::Kind::NodeList(nodes)),
    };
    init.meta
        .collection_def
        .insert("saved_model_main_op".to_owned(), collection);
    assert_eq!(
        outcome(&init),
        Err("the init operation leads to SaveV2, which touches files".to_owned())
    );
}
