//! The embedded engine: `rten`, pure Rust, for ONNX.
//!
//! rten holds float32, int32, int8 and uint8 only; what a file declares as int64, bool or double is converted at the
//! rim, so that a caller sees the declared type. An int64 beyond 32 bits is refused rather than wrapped.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use ::rten::{
    Model, ModelOptions, NodeId, RunError, RunErrorKind, RunOptions, ThreadPool, Value, ValueOrView,
};
use rten_tensor::prelude::*;
use strongroom_api::serving::{Code, DEFAULT_SIGNATURE, DataType};

use super::onnx::{self, OnnxError};
use super::operators::Operators;
use super::shape;
use super::{Call, Engine, EngineError, Executable, Signature, TensorSpec};
use crate::error::RequestError;
use crate::model::files::ModelFiles;
use crate::tensor::{Data, Tensor, type_name};

/// The engine.
#[derive(Debug, Clone, Copy)]
pub struct Rten;

impl Engine for Rten {
    fn name(&self) -> &'static str {
        NAME
    }

    fn takes(&self, files: &ModelFiles) -> bool {
        files.main_onnx().is_some()
    }

    fn load(&self, mut files: ModelFiles) -> Result<Arc<dyn Executable>, EngineError> {
        let name = files.main_onnx().ok_or(OnnxError::NoGraph)?;
        let file = files.take(&name).ok_or(OnnxError::NoGraph)?;
        let checked = onnx::check(&file, Operators::Embedded)?;
        let specs = checked.signature.inputs.iter().chain(&checked.signature.outputs);
        for (alias, spec) in specs {
            check_type(alias, spec)?;
        }
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        for location in checked.external {
            let bytes = files
                .take_beside(&name, &location)
                .ok_or(OnnxError::ExternalData(location.clone()))?;
            options.external_data(&location, bytes);
        }
        let refused =
            |source: Box<dyn std::error::Error + Send + Sync>| EngineError::Engine { engine: NAME, source };
        let model = options.load(file).map_err(|error| refused(error.into()))?;
        let ids = |specs: &BTreeMap<String, TensorSpec>| {
            let id = |name: &String| model.node_id(name).map(|id| (name.clone(), id));
            specs.keys().map(id).collect::<Result<BTreeMap<_, _>, _>>()
        };
        let inputs = ids(&checked.signature.inputs).map_err(|error| refused(error.into()))?;
        let outputs = ids(&checked.signature.outputs).map_err(|error| refused(error.into()))?;
        let signatures = BTreeMap::from([(DEFAULT_SIGNATURE.to_owned(), checked.signature)]);
        Ok(Arc::new(Loaded {
            model,
            inputs,
            outputs,
            signatures,
        }))
    }
}

struct Loaded {
    model: Model,
    inputs: BTreeMap<String, NodeId>,
    outputs: BTreeMap<String, NodeId>,
    signatures: BTreeMap<String, Signature>,
}

impl Loaded {
    fn signature(&self) -> &Signature {
        &self.signatures[DEFAULT_SIGNATURE]
    }
}

impl Executable for Loaded {
    fn signatures(&self) -> &BTreeMap<String, Signature> {
        &self.signatures
    }

    fn run(&self, call: Call) -> Result<BTreeMap<String, Tensor>, RequestError> {
        let mut fed = Vec::with_capacity(call.inputs.len());
        let mut inputs = Vec::with_capacity(call.inputs.len());
        for (alias, tensor) in call.inputs {
            let spec = &self.signature().inputs[&alias];
            let fit = shape::fit(&alias, spec, tensor.shape())?;
            let value = to_engine(&alias, &fit.fed, tensor.into_parts().1)?;
            fed.push(fit);
            inputs.push((self.inputs[&alias], ValueOrView::Value(value)));
        }
        let ids: Vec<NodeId> = call.outputs.iter().map(|alias| self.outputs[alias]).collect();
        let options = RunOptions::default().with_thread_pool(Some(own_pool()));
        let values = self
            .model
            .run(inputs, &ids, Some(options))
            .map_err(|error| run_error(&error))?;
        let named = call.outputs.into_iter().zip(values);
        named
            .map(|(alias, value)| {
                let dtype = self.signature().outputs[&alias].dtype;
                from_engine(value, dtype)
                    .and_then(|tensor| match shape::answer(tensor.shape(), &fed) {
                        None => Some(tensor),
                        Some(sent) => Tensor::new(sent, tensor.into_parts().1).ok(),
                    })
                    .map(|tensor| (alias, tensor))
                    .ok_or_else(|| {
                        RequestError::new(
                            Code::Internal,
                            "the model gave an output that is not of its declared type",
                        )
                    })
            })
            .collect()
    }
}

/// Runs `work` inside a pool of one thread, and every model that `work` runs in that same thread.
///
/// A worker that lives in here saves the hand-over to rten's pool on each call.
pub fn in_own_pool(work: impl FnOnce() + Send) {
    let pool = Arc::new(ThreadPool::with_num_threads(1));
    let handle = Arc::clone(&pool);
    pool.run(move || {
        POOL.with(|own| *own.borrow_mut() = Some(handle));
        work();
        POOL.with(|own| own.borrow_mut().take());
    });
}

fn own_pool() -> Arc<ThreadPool> {
    POOL.with(|own| {
        let mut own = own.borrow_mut();
        Arc::clone(own.get_or_insert_with(|| Arc::new(ThreadPool::with_num_threads(1))))
    })
}

thread_local! {
    static POOL: RefCell<Option<Arc<ThreadPool>>> = const { RefCell::new(None) };
}

fn check_type(alias: &str, spec: &TensorSpec) -> Result<(), EngineError> {
    match spec.dtype {
        DataType::DtFloat
        | DataType::DtDouble
        | DataType::DtInt32
        | DataType::DtInt64
        | DataType::DtInt8
        | DataType::DtUint8
        | DataType::DtBool => Ok(()),
        other => Err(EngineError::ElementType {
            engine: NAME,
            tensor: alias.to_owned(),
            dtype: type_name(other).to_owned(),
        }),
    }
}

fn to_engine(alias: &str, shape: &[usize], data: Data) -> Result<Value, RequestError> {
    let value = match data {
        Data::Float(values) => Value::from_shape(shape, values).ok(),
        Data::Double(values) => Value::from_shape(shape, map(values, |value| value as f32)).ok(),
        Data::Int32(values) => Value::from_shape(shape, values).ok(),
        Data::Int64(values) => Value::from_shape(shape, narrow(alias, values)?).ok(),
        Data::Int8(values) => Value::from_shape(shape, values).ok(),
        Data::UInt8(values) => Value::from_shape(shape, values).ok(),
        Data::Bool(values) => Value::from_shape(shape, map(values, i32::from)).ok(),
        _ => None,
    };
    value.ok_or_else(|| RequestError::new(Code::Internal, "an input is not of a type that the engine holds"))
}

fn narrow(alias: &str, values: Vec<i64>) -> Result<Vec<i32>, RequestError> {
    let narrowed = values.into_iter().map(i32::try_from).collect::<Result<_, _>>();
    narrowed.map_err(|_| {
        RequestError::invalid(format!(
            "input {alias} holds an integer beyond 32 bits, which the engine cannot hold"
        ))
    })
}

fn from_engine(value: Value, declared: DataType) -> Option<Tensor> {
    let (shape, data) = match value {
        Value::FloatTensor(tensor) => {
            let shape = tensor.shape().to_vec();
            let values = tensor.to_vec();
            let data = match declared {
                DataType::DtFloat => Data::Float(values),
                DataType::DtDouble => Data::Double(map(values, f64::from)),
                _ => return None,
            };
            (shape, data)
        }
        Value::Int32Tensor(tensor) => {
            let shape = tensor.shape().to_vec();
            let values = tensor.to_vec();
            let data = match declared {
                DataType::DtInt32 => Data::Int32(values),
                DataType::DtInt64 => Data::Int64(map(values, i64::from)),
                DataType::DtBool => Data::Bool(map(values, |value| value != 0)),
                _ => return None,
            };
            (shape, data)
        }
        Value::Int8Tensor(tensor) if declared == DataType::DtInt8 => {
            (tensor.shape().to_vec(), Data::Int8(tensor.to_vec()))
        }
        Value::UInt8Tensor(tensor) if declared == DataType::DtUint8 => {
            (tensor.shape().to_vec(), Data::UInt8(tensor.to_vec()))
        }
        _ => return None,
    };
    Tensor::new(shape, data).ok()
}

fn map<A, B>(values: Vec<A>, one: impl Fn(A) -> B) -> Vec<B> {
    values.into_iter().map(one).collect()
}

// rten's own text names nodes and shapes of the model, which are the owner's: it goes to the log, not to the peer.
fn run_error(error: &RunError) -> RequestError {
    tracing::debug!(%error, "the engine refused a call");
    match error.kind() {
        RunErrorKind::InvalidInput => RequestError::invalid("the inputs do not fit the model"),
        _ => RequestError::new(Code::Internal, "the model could not be run on these inputs"),
    }
}

const NAME: &str = "rten";

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::engine::contract::{self, Fixture};
    use crate::engine::onnx::tests as onnx_tests;

    fn files(model: &onnx::ModelProto) -> ModelFiles {
        ModelFiles::from_iter([("model.onnx".to_owned(), model.encode_to_vec())])
    }

    #[test]
    fn keeps_the_contract() {
        contract::check(&Rten, &Fixture::relu(files(&onnx_tests::model("Relu"))));
    }

    #[test]
    fn answers_in_the_declared_type() {
        let mut model = onnx_tests::model("ArgMax");
        model.graph.as_mut().expect("a graph").output[0] = onnx_tests::value("y", 7, &[None, None]);
        let loaded = Rten.load(files(&model)).expect("a good model");
        let x = Tensor::new(vec![2, 2], Data::Float(vec![0.0, 2.0, 5.0, 1.0])).expect("four elements");
        let call = Call {
            signature: DEFAULT_SIGNATURE.to_owned(),
            inputs: BTreeMap::from([("x".to_owned(), x)]),
            outputs: vec!["y".to_owned()],
            deadline: None,
        };
        let answer = loaded.run(call).expect("an answer");
        assert_eq!(answer["y"].data(), &Data::Int64(vec![1, 0]));
    }

    #[test]
    fn refuses_an_integer_that_it_cannot_hold() {
        let mut model = onnx_tests::model("Identity");
        let graph = model.graph.as_mut().expect("a graph");
        graph.input[0] = onnx_tests::value("x", 7, &[None]);
        graph.output[0] = onnx_tests::value("y", 7, &[None]);
        let loaded = Rten.load(files(&model)).expect("a good model");
        let run = |value: i64| {
            let x = Tensor::new(vec![1], Data::Int64(vec![value])).expect("one element");
            let call = Call {
                signature: DEFAULT_SIGNATURE.to_owned(),
                inputs: BTreeMap::from([("x".to_owned(), x)]),
                outputs: vec!["y".to_owned()],
                deadline: None,
            };
            loaded.run(call).map(|outputs| outputs["y"].data().clone())
        };
        assert_eq!(run(-5), Ok(Data::Int64(vec![-5])));
        assert_eq!(run(1 << 40).expect_err("too large").code(), Code::InvalidArgument);
    }

    #[test]
    fn refuses_types_and_files_that_it_cannot_take() {
        let code = |files: ModelFiles| Rten.load(files).map_or_else(|error| error.code(), |_| "ok");
        assert_eq!(code(files(&onnx_tests::model("Relu"))), "ok");
        assert_eq!(code(files(&onnx_tests::model("PyOp"))), "model.operator_refused");
        let mut half = onnx_tests::model("Relu");
        half.graph.as_mut().expect("a graph").input[0] = onnx_tests::value("x", 10, &[]);
        assert_eq!(code(files(&half)), "model.element_type");
        let mut outside = onnx_tests::model("Relu");
        let location = onnx::StringEntry {
            key: "location".into(),
            value: "/etc/passwd".into(),
        };
        outside
            .graph
            .as_mut()
            .expect("a graph")
            .initializer
            .push(onnx::TensorProto {
                name: "w".into(),
                external_data: vec![location],
            });
        assert_eq!(code(files(&outside)), "model.external_data");
    }
}
