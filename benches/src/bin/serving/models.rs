//! What is served and asked: `half_plus_two`, the smallest model there is, and the demo's digits on both engines.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::Message as _;
use serde_json::{Value, json};
use strongroom_api::serving::{DEFAULT_SIGNATURE, ModelSpec, PredictRequest};
use strongroom_benches::Failure;
use strongroom_inference::engine::rten::{Rten, in_own_pool};
use strongroom_inference::engine::tensorflow::{LibraryOptions, TensorFlow};
use strongroom_inference::engine::{Call, Engine, EngineOptions, Executable};
use strongroom_inference::model::ModelFiles;
use strongroom_inference::tensor::proto::{Encoding, encode};
use strongroom_inference::tensor::{Data, Tensor};

/// A model, how it is asked, and the same model in this process.
pub struct Subject {
    pub title: &'static str,
    pub name: &'static str,
    /// Where the server finds it.
    pub base: PathBuf,
    /// Further flags of the server.
    pub flags: Vec<String>,
    pub rest_body: String,
    alias: &'static str,
    input: Tensor,
    model: Arc<dyn Executable>,
}

impl Subject {
    /// Runs the model once in this process.
    pub fn run(&self) -> Result<(), Failure> {
        let inputs = BTreeMap::from([(self.alias.to_owned(), self.input.clone())]);
        let signature = &self.model.signatures()[DEFAULT_SIGNATURE];
        let call = Call::new(DEFAULT_SIGNATURE, signature, inputs, &[]).map_err(|error| error.to_string())?;
        std::hint::black_box(self.model.run(call).map_err(|error| error.to_string())?);
        Ok(())
    }

    /// The gRPC request: not compressed, its length, itself.
    pub fn frame(&self) -> Bytes {
        let request = PredictRequest {
            model_spec: Some(ModelSpec {
                name: self.name.to_owned(),
                ..ModelSpec::default()
            }),
            inputs: BTreeMap::from([(
                self.alias.to_owned(),
                encode(self.input.clone(), Encoding::Content),
            )]),
            ..PredictRequest::default()
        };
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(request.encoded_len()).expect("a small request"));
        frame.put_slice(&request.encode_to_vec());
        frame.freeze()
    }
}

/// As the server's workers: the thread has the embedded engine's pool for itself.
pub fn in_pool(work: &mut (dyn FnMut() + Send)) {
    let work = Mutex::new(work);
    in_own_pool(|| (work.lock().unwrap_or_else(PoisonError::into_inner))());
}

/// Those that can be measured here, of those that were asked for.
pub fn subjects(
    folder: &Path,
    library: Option<PathBuf>,
    wanted: Option<&str>,
) -> Result<Vec<Subject>, Failure> {
    let is_wanted = |title: &str| wanted.is_none_or(|list| list.split(',').any(|one| title.starts_with(one)));
    let options = EngineOptions {
        tensorflow: LibraryOptions {
            path: library,
            digests: Vec::new(),
        },
        ..EngineOptions::default()
    };
    let mut subjects = Vec::new();
    if is_wanted(DIGITS_ONNX) {
        subjects.push(digits(DIGITS_ONNX, &Rten, "onnx/model.onnx", Vec::new())?);
    }
    let tensorflow = TensorFlow::new(&options)?;
    if let Err(error) = tensorflow.version() {
        println!("serving: rows with libtensorflow are LEFT OUT: {error}");
        return Ok(subjects);
    }
    let flags: Vec<String> = match (&options.tensorflow.path, std::env::var("VIRTUAL_ENV")) {
        (Some(path), _) => vec![format!("--tensorflow_library={}", path.display())],
        (None, Ok(environment)) => vec![format!("--tensorflow_library={}", package(&environment)?)],
        (None, Err(_)) => Vec::new(),
    };
    if is_wanted(HALF_PLUS_TWO) {
        subjects.push(half_plus_two(folder, &tensorflow, flags.clone())?);
    }
    if is_wanted(DIGITS_SAVED_MODEL) {
        subjects.push(digits(DIGITS_SAVED_MODEL, &tensorflow, "saved_model", flags)?);
    }
    Ok(subjects)
}

// The server is started without this environment.
fn package(environment: &str) -> Result<String, Failure> {
    for version in fs::read_dir(Path::new(environment).join("lib"))? {
        let folder = version?.path().join("site-packages/tensorflow");
        if folder.is_dir() {
            return Ok(folder.display().to_string());
        }
    }
    Err("the virtual environment has no package tensorflow".into())
}

fn half_plus_two(folder: &Path, engine: &dyn Engine, flags: Vec<String>) -> Result<Subject, Failure> {
    let graph = saved_model();
    let base = folder.join("half_plus_two");
    fs::create_dir_all(base.join("1"))?;
    fs::write(base.join("1/saved_model.pb"), &graph)?;
    Ok(Subject {
        title: HALF_PLUS_TWO,
        name: "half_plus_two",
        base,
        flags,
        rest_body: json!({ "instances": [1.0, 2.0, 5.0] }).to_string(),
        alias: "x",
        input: Tensor::new(vec![3], Data::Float(vec![1.0, 2.0, 5.0]))?,
        model: engine.load(ModelFiles::from_iter([("saved_model.pb".to_owned(), graph)]))?,
    })
}

fn digits(
    title: &'static str,
    engine: &dyn Engine,
    base: &str,
    flags: Vec<String>,
) -> Result<Subject, Failure> {
    let home = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("benches"), PathBuf::from);
    let base = home.join("../models/digits").join(base).canonicalize()?;
    let ink: Vec<f32> = (0..PIXELS).map(|index| (index % 17) as f32 / 16.0).collect();
    let rows: Vec<Value> = ink
        .chunks(8)
        .map(|row| row.iter().map(|ink| json!([ink])).collect())
        .collect();
    Ok(Subject {
        title,
        name: "digits",
        rest_body: json!({ "instances": [rows] }).to_string(),
        alias: "image",
        input: Tensor::new(vec![1, 8, 8, 1], Data::Float(ink))?,
        model: engine.load(files(&base)?)?,
        base,
        flags,
    })
}

/// The files of a model: of the folder's version 1, or the one file.
fn files(base: &Path) -> Result<ModelFiles, Failure> {
    fn walk(root: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) -> Result<(), Failure> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                walk(root, &path, files)?;
            } else {
                let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
                files.push((name, fs::read(&path)?));
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    if base.is_file() {
        found.push(("model.onnx".to_owned(), fs::read(base)?));
    } else {
        let version = base.join("1");
        walk(&version, &version, &mut found)?;
    }
    Ok(found.into_iter().collect())
}

/// `y = 0.5 x + 2` as a SavedModel without variables (saved_model.proto and graph.proto, by field number).
fn saved_model() -> Vec<u8> {
    let float = attribute("dtype", &number(6, FLOAT));
    let constant = |name: &str, value: f32| {
        let bits = [&[5 << 3 | 5][..], &value.to_le_bytes()].concat();
        let tensor = [number(1, FLOAT), message(2, &[]), bits].concat();
        node(
            name,
            "Const",
            &[],
            &[float.clone(), attribute("value", &message(8, &tensor))],
        )
    };
    let typed = [attribute("T", &number(6, FLOAT))];
    let nodes = [
        node("x", "Placeholder", &[], &[float.clone()]),
        constant("a", 0.5),
        constant("b", 2.0),
        node("product", "Mul", &["x", "a"], &typed),
        node("y", "AddV2", &["product", "b"], &typed),
    ];
    let graph = [nodes.concat(), message(4, &number(1, PRODUCER))].concat();
    let info = |name: &str| [message(1, name.as_bytes()), number(2, FLOAT), message(3, &[])].concat();
    let signature = [
        message(1, &entry("x", &info("x:0"))),
        message(2, &entry("y", &info("y:0"))),
        message(3, b"tensorflow/serving/predict"),
    ]
    .concat();
    let meta = [
        message(1, &message(4, b"serve")),
        message(2, &graph),
        message(5, &entry(DEFAULT_SIGNATURE, &signature)),
    ]
    .concat();
    [number(1, 1), message(2, &meta)].concat()
}

fn node(name: &str, operator: &str, inputs: &[&str], attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut node = [message(1, name.as_bytes()), message(2, operator.as_bytes())].concat();
    inputs
        .iter()
        .for_each(|input| node.extend(message(3, input.as_bytes())));
    attributes.iter().for_each(|attribute| node.extend(attribute));
    message(1, &node)
}

fn attribute(name: &str, value: &[u8]) -> Vec<u8> {
    message(5, &entry(name, value))
}

fn entry(key: &str, value: &[u8]) -> Vec<u8> {
    [message(1, key.as_bytes()), message(2, value)].concat()
}

fn message(field: u8, bytes: &[u8]) -> Vec<u8> {
    [&[field << 3 | 2][..], &varint(bytes.len() as u64), bytes].concat()
}

fn number(field: u8, value: u64) -> Vec<u8> {
    [&[field << 3][..], &varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

const HALF_PLUS_TWO: &str = "half_plus_two, libtensorflow";
const DIGITS_ONNX: &str = "digits, embedded engine";
const DIGITS_SAVED_MODEL: &str = "digits, libtensorflow";
const PIXELS: usize = 8 * 8;
/// `DT_FLOAT`.
const FLOAT: u64 = 1;
/// A version of TensorFlow's graphs that knows these operators.
const PRODUCER: u64 = 1000;
