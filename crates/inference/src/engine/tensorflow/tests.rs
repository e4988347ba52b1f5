//! The engine on the real library, with SavedModels that TensorFlow's own package writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use strongroom_api::serving::{Code, DataType};

use super::*;
use crate::engine::contract::{self, Fixture};
use crate::engine::{Call, EngineError};
use crate::error::RequestError;
use crate::tensor::{Data, Tensor};

/// Folder of the models, written once for this process.
fn models() -> &'static Path {
    static MODELS: OnceLock<tempfile::TempDir> = OnceLock::new();
    MODELS
        .get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let environment = std::env::var_os("VIRTUAL_ENV").expect("an active virtual environment");
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tensorflow/saved_models.py");
            let python = Path::new(&environment).join("bin/python");
            let mut command = Command::new(python);
            let status = command
                .arg(script)
                .arg(folder.path())
                .status()
                .expect("Python runs");
            assert!(status.success());
            folder
        })
        .path()
}

fn files(name: &str) -> ModelFiles {
    fn below(folder: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.file_type().expect("a type").is_dir() {
                true => below(&entry.path(), &format!("{name}/"), files),
                false => files.push((name, fs::read(entry.path()).expect("a file"))),
            }
        }
    }
    let mut files = Vec::new();
    below(&models().join(name), "", &mut files);
    ModelFiles::from_iter(files)
}

fn engine_with(change: impl FnOnce(&mut EngineOptions)) -> TensorFlow {
    let mut options = EngineOptions::default();
    change(&mut options);
    TensorFlow::new(&options).expect("an engine")
}

fn load(name: &str) -> Arc<dyn Executable> {
    let engine = engine_with(|_| {});
    engine.load(files(name)).expect("a good model")
}

fn run(
    model: &dyn Executable,
    signature: &str,
    inputs: &[(&str, Tensor)],
) -> Result<BTreeMap<String, Tensor>, RequestError> {
    let inputs = inputs
        .iter()
        .map(|(alias, tensor)| ((*alias).to_owned(), tensor.clone()));
    let call = Call::new(signature, &model.signatures()[signature], inputs.collect(), &[])?;
    model.run(call)
}

fn one(model: &dyn Executable, signature: &str, inputs: &[(&str, Tensor)]) -> Data {
    let outputs = run(model, signature, inputs).expect("an answer");
    let (_, tensor) = outputs.into_iter().next().expect("an output");
    tensor.into_parts().1
}

fn vector(data: Data) -> Tensor {
    Tensor::new(vec![data.len()], data).expect("as many as there are")
}

fn scalar(data: Data) -> Tensor {
    Tensor::new(vec![], data).expect("one")
}

fn texts(values: &[&'static str]) -> Data {
    Data::String(
        values
            .iter()
            .map(|value| Bytes::from_static(value.as_bytes()))
            .collect(),
    )
}

#[test]
#[ignore = "needs tensorflow-cpu in the active virtual environment"]
fn keeps_the_promises_of_an_engine() {
    contract::check(&engine_with(|_| {}), &Fixture::relu(files("relu")));
}

#[test]
#[ignore = "needs tensorflow-cpu in the active virtual environment"]
fn every_element_type_comes_out_as_it_went_in() {
    let model = load("types");
    let all = [
        ("float32", Data::Float(vec![1.5, -0.0])),
        ("float64", Data::Double(vec![1e300, -2.0])),
        ("float16", Data::Half(vec![0x3c00, 1])),
        ("bfloat16", Data::BFloat16(vec![0x3f80, 1])),
        ("complex64", Data::Complex64(vec![[1.0, 2.0], [3.0, 4.0]])),
        ("complex128", Data::Complex128(vec![[1.0, 2.0], [3.0, 4.0]])),
        ("bool", Data::Bool(vec![true, false])),
        ("int8", Data::Int8(vec![-1, 2])),
        ("int16", Data::Int16(vec![-300, 2])),
        ("int32", Data::Int32(vec![i32::MIN, 2])),
        ("int64", Data::Int64(vec![i64::MIN, 2])),
        ("uint8", Data::UInt8(vec![255, 2])),
        ("uint16", Data::UInt16(vec![65535, 2])),
        ("uint32", Data::UInt32(vec![u32::MAX, 2])),
        ("uint64", Data::UInt64(vec![u64::MAX, 2])),
        ("qint8", Data::QInt8(vec![-1, 2])),
        ("quint8", Data::QUInt8(vec![255, 2])),
        ("qint16", Data::QInt16(vec![-300, 2])),
        ("quint16", Data::QUInt16(vec![65535, 2])),
        ("qint32", Data::QInt32(vec![i32::MIN, 2])),
    ];
    for (signature, data) in all {
        let tensor = Tensor::new(vec![2, 1], data).expect("two");
        let outputs = run(model.as_ref(), signature, &[("x", tensor.clone())]).expect(signature);
        assert_eq!(outputs["y"], tensor, "{signature}");
    }
    let empty = Tensor::new(vec![0, 3], Data::Float(vec![])).expect("none");
    let outputs = run(model.as_ref(), "float32", &[("x", empty.clone())]).expect("an answer");
    assert_eq!(outputs["y"], empty);
    // All the ways in which the library keeps a string: in place, on the heap, with room to grow.
    for length in [0, 1, 22, 23, 24, 300, 1 << 20] {
        let data = Data::String(vec![
            Bytes::from(vec![b'x'; length]),
            Bytes::from_static(b"\0\xff"),
        ]);
        let strings = vector(data.clone());
        assert_eq!(
            one(model.as_ref(), "string", &[("x", strings)]),
            data,
            "{length} bytes"
        );
    }
}

#[test]
#[ignore = "needs tensorflow-cpu in the active virtual environment"]
fn strings_are_computed_with() {
    let model = load("strings");
    let long = "0123456789012345678901234567890123456789";
    let outputs = run(
        model.as_ref(),
        "serving_default",
        &[("a", vector(texts(&["a", "", long])))],
    );
    let outputs = outputs.expect("an answer");
    assert_eq!(
        outputs["joined"],
        scalar(Data::String(vec![Bytes::from(format!("a--{long}"))]))
    );
    assert_eq!(outputs["upper"], vector(texts(&["A", "", long])));
}

#[test]
#[ignore = "needs tensorflow-cpu in the active virtual environment"]
fn state_stays_in_the_model_and_dies_with_it() {
    let model = load("counter");
    assert_eq!(one(model.as_ref(), "get", &[]), Data::Float(vec![0.0]));
    for sum in [2.5, 5.0] {
        let by = scalar(Data::Float(vec![2.5]));
        assert_eq!(one(model.as_ref(), "add", &[("by", by)]), Data::Float(vec![sum]));
    }
    assert_eq!(one(model.as_ref(), "get", &[]), Data::Float(vec![5.0]));
    assert_eq!(one(load("counter").as_ref(), "get", &[]), Data::Float(vec![0.0]));
}

#[test]
#[ignore = "needs tensorflow-cpu in the active virtual environment"]
fn tables_are_filled_from_files_of_the_model() {
    for (name, signature) in [("table", "serving_default"), ("functions", "number")] {
        let words = vector(texts(&["two", "three", "zero"]));
        assert_eq!(
            one(load(name).as_ref(), signature, &[("word", words)]),
            Data::Int64(vec![2, -1, 0]),
            "{name}"
        );
    }
}

#[test]
#[ignore = "needs tensorflow-cpu in the active virtual environment"]
fn functions_of_tensorflow_2_run_and_share_variables() {
    let model = load("functions");
    let x = || vector(Data::Float(vec![1.0, -2.0]));
    assert_eq!(
        one(model.as_ref(), "serving_default", &[("x", x())]),
        Data::Float(vec![3.0, -6.0])
    );
    let by = scalar(Data::Float(vec![1.0]));
    assert_eq!(one(model.as_ref(), "grow", &[("by", by)]), Data::Float(vec![4.0]));
    assert_eq!(
        one(model.as_ref(), "serving_default", &[("x", x())]),
        Data::Float(vec![4.0, -8.0])
    );
}

#[test]
#[ignore = "needs tensorflow-cpu in the active virtual environment"]
fn refusals_are_in_tensorflow_s_own_words() {
    let model = load("relu");
    let check = |x: Tensor, text: &str| {
        let refused = run(model.as_ref(), "serving_default", &[("x", x)]).expect_err("refused");
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(text), "{}", refused.message());
    };
    check(
        vector(texts(&["a"])),
        "Expects arg[0] to be float but string is provided",
    );
    check(
        vector(Data::Float(vec![1.0, 2.0])),
        "[2] is not compatible with expected shape [?,2].\n\t [[{{node EnsureShape}}]]",
    );
    let absent = run(model.as_ref(), "absent", &[]).expect_err("the graph lacks it");
    assert_eq!(
        absent.message(),
        "Tensor nowhere:0, specified in either feed_devices or fetch_devices was not found in the Graph"
    );
    // Past the check of calls, the library's own: nothing is fed.
    let call = Call {
        signature: "serving_default".to_owned(),
        inputs: BTreeMap::new(),
        outputs: vec!["y".to_owned()],
        deadline: None,
    };
    let refused = model.run(call).expect_err("nothing is fed");
    assert_eq!(refused.code(), Code::InvalidArgument);
    let expected = "You must feed a value for placeholder tensor 'x' with dtype float and shape [?,2]\n\t [[{{node x}}]]";
    assert_eq!(refused.message(), expected);
}

#[test]
#[ignore = "needs tensorflow-cpu in the active virtual environment"]
fn nobody_waits_beyond_the_deadline() {
    let model = load("slow");
    let call = |n: i64, deadline| {
        let n = BTreeMap::from([("n".to_owned(), scalar(Data::Int64(vec![n])))]);
        let call = Call::new("serving_default", &model.signatures()["serving_default"], n, &[]);
        model.run(call.expect("a call").until(deadline))
    };
    let soon = Some(Instant::now() + Duration::from_millis(300));
    let refused = call(i64::MAX, soon).expect_err("it would count for centuries");
    assert_eq!(refused.code(), Code::DeadlineExceeded);
    // The run was stopped, not left behind: the model answers as before.
    let steps = call(3, Some(Instant::now() + Duration::from_secs(60))).expect("an answer");
    assert_eq!(steps["steps"], scalar(Data::Int64(vec![3])));
    let past = call(3, Some(Instant::now())).expect_err("nobody waits");
    assert_eq!(past.code(), Code::DeadlineExceeded);
}

#[test]
#[ignore = "needs tensorflow-cpu in the active virtual environment"]
fn the_graph_is_the_one_with_exactly_the_tags() {
    let tagged = |tags: &[&str]| {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        engine_with(|options| options.saved_model_tags = tags).load(files("tags"))
    };
    assert!(tagged(&["tpu", "serve"]).is_ok());
    let refused = tagged(&["serve"]).err().expect("other tags").to_string();
    assert!(
        refused.starts_with("Could not find meta graph def matching supplied tags: { serve }."),
        "{refused}"
    );
}

/// Models as TensorFlow writes them, of both generations, with variables and tables: the rules take them.
#[test]
#[ignore = "needs tensorflow-cpu in the active virtual environment"]
fn the_rules_of_confidential_mode_take_good_models() {
    for name in [
        "relu",
        "strings",
        "counter",
        "table",
        "functions",
        "slow",
        "types",
    ] {
        let graph = saved_model::read(&files(name), &["serve".to_owned()]).expect("a SavedModel");
        assert_eq!(operators::check(&graph, &files(name)), Ok(()), "{name}");
    }
}

/// What TensorFlow Serving runs runs in plain mode; where nobody trusts the host, only what computes.
#[test]
#[ignore = "needs tensorflow-cpu in the active virtual environment"]
fn a_graph_that_writes_files_runs_in_plain_mode_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("written");
    let text = Data::String(vec![Bytes::from(path.to_string_lossy().into_owned())]);
    run(
        load("writes").as_ref(),
        "serving_default",
        &[("path", scalar(text))],
    )
    .expect("it runs");
    assert_eq!(fs::read(path).expect("the file"), b"written");
    let refused = engine_with(|options| options.confidential = true).load(files("writes"));
    assert!(matches!(refused.err(), Some(EngineError::Operator(_))));
}

#[test]
#[ignore = "needs tensorflow-cpu in the active virtual environment"]
fn no_file_of_a_model_is_left_behind() {
    let left = || {
        let open = fs::read_dir("/proc/self/fd").expect("Linux").flatten();
        let links = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        links
            .filter(|link| link.to_string_lossy().contains("memfd:model"))
            .count()
    };
    let model = load("functions");
    // Other tests load at the same time: theirs go as well.
    let until = Instant::now() + Duration::from_secs(60);
    while left() > 0 {
        assert!(Instant::now() < until, "descriptors stay open");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(
        model.signatures()["serving_default"].inputs["x"].dtype,
        DataType::DtFloat
    );
}
