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
            ..OpDef::default()
        }),
        node_def: nodes,
        ..FunctionDef::default()
    }
}

/// `y = x`, with nodes and functions added; the signature gives the tensor `y:0`.
fn graph(nodes: Vec<NodeDef>, functions: Vec<FunctionDef>) -> Graph {
    let mut all = vec![
        node("x", "Placeholder", &[]),
        node("save/Const", "PlaceholderWithDefault", &[]),
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
                filename_tensor_name: "save/Const:0".to_owned(),
                restore_op_name: "save/restore_all".to_owned(),
                ..SaverDef::default()
            }),
            signature_def: [("serving_default".to_owned(), signature)].into(),
            ..MetaGraphDef::default()
        },
    }
}

fn outcome(graph: &Graph) -> Result<(), String> {
    let files = ModelFiles::from_iter([("assets/words.txt".to_owned(), vec![])]);
    check(graph, &files).map_err(|error| error.to_string())
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
        "SymbolicGradient",
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

/// The library looks a name up in an order of its own: a second bearer of a name could hide behind the first.
#[test]
fn no_two_share_a_name() {
    let twice = |name: &str| Err(format!("the graph has more than one node or function {name:?}"));
    let nodes = vec![node("z", "Identity", &["x"]), node("z", "Identity", &["x"])];
    assert_eq!(outcome(&graph(nodes, vec![])), twice("z"));
    let functions = vec![function("f", vec![]), function("f", vec![])];
    assert_eq!(outcome(&graph(vec![], functions)), twice("f"));
}

#[test]
fn an_implementation_that_may_be_swapped_in_counts_as_reached() {
    let mut hidden = function("hidden", vec![node("s", "SaveV2", &[])]);
    assert_eq!(outcome(&graph(vec![], vec![hidden.clone()])), Ok(()));
    hidden
        .attr
        .insert("api_implements".to_owned(), AttrValue::default());
    assert_eq!(
        outcome(&graph(vec![], vec![hidden])),
        Err("signature \"serving_default\" leads to SaveV2, which touches files".to_owned())
    );
}

#[test]
fn a_checkpoint_is_read_from_where_the_loader_says_only() {
    let foreign = |operator: &str| {
        Err(format!(
            "{operator} reads a file that need not be the model's own"
        ))
    };
    let restore = |from: &str| graph(vec![node("r", "RestoreV2", &[from])], vec![]);
    assert_eq!(outcome(&restore("save/Const")), Ok(()));
    assert_eq!(outcome(&restore("x")), foreign("RestoreV2"));
    assert_eq!(outcome(&restore("nowhere")), foreign("RestoreV2"));
    let through = |op: &str| {
        let nodes = vec![node("i", op, &["save/Const:0"]), node("r", "RestoreV2", &["i:0"])];
        outcome(&graph(nodes, vec![]))
    };
    assert_eq!(through("Identity"), Ok(()));
    assert_eq!(through("StringJoin"), foreign("RestoreV2"));
    let circle = vec![node("i", "Identity", &["i"]), node("r", "RestoreV2", &["i"])];
    assert_eq!(outcome(&graph(circle, vec![])), foreign("RestoreV2"));
    // What is computed is not what the loader feeds, whatever the saver's definition says.
    let mut computed = restore("save/Const");
    let nodes = &mut computed.meta.graph_def.as_mut().expect("a graph").node;
    let source = nodes
        .iter_mut()
        .find(|node| node.name == "save/Const")
        .expect("it");
    source.op = "StringJoin".to_owned();
    assert_eq!(outcome(&computed), foreign("RestoreV2"));
}

#[test]
fn a_function_reads_what_all_its_callers_name() {
    let restores = || {
        let mut restores = function("restores", vec![node("r", "RestoreV2", &["prefix"])]);
        let prefix = strongroom_api::serving::saved_model::op_def::ArgDef {
            name: "prefix".to_owned(),
        };
        restores.signature.as_mut().expect("it").input_arg.push(prefix);
        restores
    };
    let call = |name: &str, op: &str, from: &str| NodeDef {
        op: op.to_owned(),
        input: vec![from.to_owned()],
        ..calls(name, "restores")
    };
    let good = call("good", "StatefulPartitionedCall", "save/Const:0");
    assert_eq!(outcome(&graph(vec![good.clone()], vec![restores()])), Ok(()));
    for bad in [
        call("bad", "StatefulPartitionedCall", "x"),
        call("bad", "If", "save/Const:0"),
        node("bad", "restores", &["x"]),
        node("bad", "restores", &[]),
    ] {
        let graph = graph(vec![good.clone(), bad], vec![restores()]);
        let foreign = "RestoreV2 reads a file that need not be the model's own";
        assert_eq!(outcome(&graph), Err(foreign.to_owned()));
    }
}

#[test]
fn tables_are_filled_from_assets_of_the_model_and_before_any_call() {
    let with_asset = |filename: &str, nodes: Vec<NodeDef>| {
        let mut graph = graph(nodes, vec![]);
        let info = TensorInfo {
            encoding: Some(tensor_info::Encoding::Name("asset:0".to_owned())),
            ..TensorInfo::default()
        };
        let asset = strongroom_api::serving::saved_model::AssetFileDef {
            tensor_info: Some(info),
            filename: filename.to_owned(),
        };
        graph.meta.asset_file_def.push(asset);
        outcome(&graph)
    };
    let table = |from: &str| {
        vec![
            node("asset", "Const", &[]),
            node("other", "Const", &[]),
            node("table", "HashTableV2", &[]),
            node("fill", "InitializeTableFromTextFileV2", &["table", from]),
        ]
    };
    assert_eq!(with_asset("words.txt", table("asset")), Ok(()));
    let foreign = "InitializeTableFromTextFileV2 reads a file that need not be the model's own";
    assert_eq!(with_asset("words.txt", table("other")), Err(foreign.to_owned()));
    for filename in [
        "../../../etc/passwd",
        "/etc/passwd",
        "absent.txt",
        "./words.txt",
        "",
    ] {
        let refused = Err(format!("the asset {filename:?} is no file of the model"));
        assert_eq!(with_asset(filename, table("asset")), refused);
    }
    let mut reached = table("asset");
    reached.push(node("y", "Identity", &["x", "^fill"]));
    assert_eq!(
        with_asset("words.txt", reached),
        Err(
            "signature \"serving_default\" leads to InitializeTableFromTextFileV2, which touches files"
                .to_owned()
        )
    );
}

#[test]
fn a_checkpoint_is_not_read_after_the_loader_has_said_where_it_lies() {
    let mut init = graph(vec![], vec![]);
    let nodes = collection_def::NodeList {
        value: vec!["save/restore_all".to_owned()],
    };
    let collection = strongroom_api::serving::saved_model::CollectionDef {
        kind: Some(collection_def::Kind::NodeList(nodes)),
    };
    init.meta
        .collection_def
        .insert("legacy_init_op".to_owned(), collection);
    assert_eq!(
        outcome(&init),
        Err("the init operation leads to RestoreV2, which touches files".to_owned())
    );
}

#[test]
fn a_name_that_waits_in_a_variable_is_one_that_the_loader_wrote() {
    let named = |node: NodeDef, name: &str| NodeDef {
        attr: [(
            "shared_name".to_owned(),
            AttrValue {
                value: Some(attr_value::Value::S(name.as_bytes().to_vec())),
            },
        )]
        .into(),
        ..node
    };
    let with = |more: Vec<NodeDef>, functions: Vec<FunctionDef>| {
        let mut nodes = vec![
            named(node("v", "VarHandleOp", &[]), "name"),
            node("set", "AssignVariableOp", &["v", "save/Const"]),
            node("is", "VarIsInitializedOp", &["v"]),
            node("get", "ReadVariableOp", &["v", "^set"]),
            node("r", "RestoreV2", &["get"]),
        ];
        nodes.extend(more);
        outcome(&graph(nodes, functions))
    };
    assert_eq!(with(vec![], vec![]), Ok(()));
    let foreign = Err("RestoreV2 reads a file that need not be the model's own".to_owned());
    for bad in [
        node("other", "AssignVariableOp", &["v", "x"]),
        node("other", "ResourceScatterUpdate", &["v", "x", "x"]),
        node("other", "PartitionedCall", &["v"]),
        node("other", "Identity", &["v"]),
        named(node("alias", "VarHandleOp", &[]), "name"),
        node("name", "VarHandleOp", &[]),
    ] {
        assert_eq!(with(vec![bad.clone()], vec![]), foreign, "{bad:?}");
    }
    let inside = function("f", vec![node("w", "VarHandleOp", &[])]);
    assert_eq!(with(vec![], vec![inside]), foreign);
}

#[test]
fn a_long_row_of_functions_is_not_followed_for_ever() {
    let argument = || strongroom_api::serving::saved_model::op_def::ArgDef {
        name: "prefix".to_owned(),
    };
    let takes_prefix = |name: &str, inner: NodeDef| {
        let mut function = function(name, vec![inner]);
        function
            .signature
            .as_mut()
            .expect("it")
            .input_arg
            .push(argument());
        function
    };
    let row = |length: usize| {
        let mut functions = vec![takes_prefix("f0", node("r", "RestoreV2", &["prefix"]))];
        for index in 1..length {
            let call = node("c", &format!("f{}", index - 1), &["prefix"]);
            functions.push(takes_prefix(&format!("f{index}"), call));
        }
        let first = node("c", &format!("f{}", length - 1), &["save/Const"]);
        outcome(&graph(vec![first], functions))
    };
    assert_eq!(row(10), Ok(()));
    assert!(row(10_000).is_err());
}

/// The digits model, as Keras writes it.
#[test]
fn a_model_of_keras_is_taken() {
    let folder = std::path::Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../models/digits/saved_model/1"
    ));
    let file = std::fs::read(folder.join("saved_model.pb")).expect("the model");
    let files = ModelFiles::from_iter([("saved_model.pb".to_owned(), file)]);
    let graph = crate::engine::tensorflow::saved_model::read(&files, &["serve".to_owned()]);
    assert_eq!(check(&graph.expect("a SavedModel"), &files), Ok(()));
}
