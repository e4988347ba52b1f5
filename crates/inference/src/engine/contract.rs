//! The suite that every engine runs: what [`Engine`] and [`Executable`] promise, checked on one small model.
//!
//! [`Executable`]: super::Executable

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use strongroom_api::serving::{DEFAULT_SIGNATURE, DataType};

use super::{Call, Engine, Executable};
use crate::model::files::ModelFiles;
use crate::tensor::{Data, Tensor};

/// A model with one float input `x` of shape [?, 2] and one float output `y`, and what it must answer.
#[derive(Debug)]
pub struct Fixture {
    files: ModelFiles,
    x: [f32; 4],
    y: [f32; 4],
}

impl Fixture {
    /// `y = max(x, 0)`.
    #[must_use]
    pub fn relu(files: ModelFiles) -> Self {
        Self {
            files,
            x: [-1.0, 2.0, 0.5, -3.0],
            y: [0.0, 2.0, 0.5, 0.0],
        }
    }

    fn call(&self) -> Call {
        let x = Tensor::new(vec![2, 2], Data::Float(self.x.to_vec())).expect("four elements");
        Call {
            signature: DEFAULT_SIGNATURE.to_owned(),
            inputs: BTreeMap::from([("x".to_owned(), x)]),
            outputs: vec!["y".to_owned()],
            deadline: None,
        }
    }
}

/// Panics where the engine breaks its promise.
///
/// # Panics
/// At the first broken promise.
pub fn check(engine: &dyn Engine, fixture: &Fixture) {
    assert!(engine.takes(&fixture.files), "takes its own kind of model");
    assert!(
        !engine.takes(&ModelFiles::from_iter([("readme.txt".to_owned(), vec![])])),
        "takes no other"
    );
    let model = engine
        .load(fixture.files.clone())
        .unwrap_or_else(|error| panic!("loads a good model: {error}"));
    declares_its_signature(model.as_ref());
    answers(&model, fixture);
    refuses_a_shape_that_does_not_fit(model.as_ref());
    answers(&model, fixture);
    let threads: Vec<_> = (0..3).map(|_| Arc::clone(&model)).collect();
    thread::scope(|scope| {
        for model in &threads {
            scope.spawn(move || (0..10).for_each(|_| answers(model, fixture)));
        }
    });
}

fn declares_its_signature(model: &dyn Executable) {
    let signature = &model.signatures()[DEFAULT_SIGNATURE];
    assert_eq!(signature.inputs["x"].dtype, DataType::DtFloat);
    assert_eq!(signature.inputs["x"].shape, Some(vec![None, Some(2)]));
    assert_eq!(signature.outputs.keys().collect::<Vec<_>>(), ["y"]);
    assert_eq!(signature.method_name, "tensorflow/serving/predict");
}

fn answers(model: &Arc<dyn Executable>, fixture: &Fixture) {
    let outputs = model
        .run(fixture.call())
        .unwrap_or_else(|error| panic!("answers a good call: {error}"));
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["y"]);
    assert_eq!(outputs["y"].shape(), [2, 2]);
    assert_eq!(outputs["y"].data(), &Data::Float(fixture.y.to_vec()));
}

fn refuses_a_shape_that_does_not_fit(model: &dyn Executable) {
    for shape in [vec![4], vec![1, 4], vec![1, 1, 4]] {
        let x = Tensor::new(shape, Data::Float(vec![0.0; 4])).expect("four elements");
        let call = Call {
            signature: DEFAULT_SIGNATURE.to_owned(),
            inputs: BTreeMap::from([("x".to_owned(), x)]),
            outputs: vec!["y".to_owned()],
            deadline: None,
        };
        assert!(
            model.run(call).is_err(),
            "refuses a shape that the model does not take"
        );
    }
}
