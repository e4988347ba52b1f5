use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use prost::Message as _;
use strongroom_api::serving::example::{Example, Feature, Features, FloatList, feature::Kind};
use strongroom_api::serving::{
    CLASSIFY_METHOD, DataType, ExampleListWithContext, InferenceTask, MultiInferenceRequest, REGRESS_METHOD,
    inference_result::Result as Outcome, input,
};

use super::*;
use crate::app::RequestLimits;
use crate::clients::Clients;
use crate::engine::{Executable, TensorSpec};
use crate::metrics::Metrics;
use crate::model::{Models, State};
use crate::queue::Workers;
use crate::tensor::{Data, Tensor};

/// Reads the float feature `x` of each row, and answers 2x as a score, x as a number, and its digits as a label.
struct Reader {
    signatures: BTreeMap<String, Signature>,
    scores: Vec<usize>,
}

fn spec_of(dtype: DataType) -> TensorSpec {
    TensorSpec {
        name: "t:0".to_owned(),
        dtype,
        shape: None,
    }
}

fn made(method: &str, input: (&str, DataType), outputs: &[&str]) -> Signature {
    let outputs = outputs
        .iter()
        .map(|alias| ((*alias).to_owned(), spec_of(DataType::DtFloat)));
    Signature {
        method_name: method.to_owned(),
        ..Signature::predict([(input.0.to_owned(), spec_of(input.1))].into(), outputs.collect())
    }
}

impl Executable for Reader {
    fn signatures(&self) -> &BTreeMap<String, Signature> {
        &self.signatures
    }

    fn run(&self, mut call: Call) -> Result<BTreeMap<String, Tensor>, RequestError> {
        let (_, data) = call.inputs.remove("inputs").expect("checked").into_parts();
        let Data::String(rows) = data else {
            panic!("rows are strings")
        };
        let x: Vec<f32> = rows.into_iter().map(feature_x).collect();
        let floats =
            |shape: Vec<usize>, values: Vec<f32>| Tensor::new(shape, Data::Float(values)).expect("floats");
        let one = |alias: String| {
            let tensor = match alias.as_str() {
                "classes" => {
                    let labels = x.iter().map(|x| Bytes::from(x.to_string())).collect();
                    Tensor::new(vec![x.len(), 1], Data::String(labels)).expect("labels")
                }
                "scores" => {
                    let shape: Vec<usize> = match self.scores.as_slice() {
                        [] => vec![x.len(), 1],
                        other => other.to_vec(),
                    };
                    let values = x
                        .iter()
                        .map(|x| 2.0 * x)
                        .cycle()
                        .take(shape.iter().product())
                        .collect();
                    floats(shape, values)
                }
                _ => floats(vec![x.len()], x.clone()),
            };
            (alias, tensor)
        };
        Ok(call.outputs.into_iter().map(one).collect())
    }
}

fn feature_x(row: Bytes) -> f32 {
    let example = Example::decode(row).expect("an Example");
    match example.features.expect("features").feature["x"].kind.clone() {
        Some(Kind::FloatList(list)) => list.value[0],
        other => panic!("{other:?}"),
    }
}

fn app(scores: Vec<usize>, check_method_names: bool) -> App {
    let string = DataType::DtString;
    let signatures = BTreeMap::from([
        (
            "serving_default".to_owned(),
            made(CLASSIFY_METHOD, ("inputs", string), &["classes", "scores"]),
        ),
        (
            "regress".to_owned(),
            made(REGRESS_METHOD, ("inputs", string), &["outputs"]),
        ),
        (
            "floats".to_owned(),
            made(REGRESS_METHOD, ("inputs", DataType::DtFloat), &["outputs"]),
        ),
        (
            "predict".to_owned(),
            made("tensorflow/serving/predict", ("x", string), &["y"]),
        ),
        (
            "three".to_owned(),
            made(CLASSIFY_METHOD, ("inputs", string), &["a", "b", "c"]),
        ),
    ]);
    let models = Models::new([("m".to_owned(), Clients::anyone())]);
    let executable: Arc<dyn Executable> = Arc::new(Reader { signatures, scores });
    let servable = Arc::new(Servable::new("m", 7, executable));
    models
        .model("m")
        .expect("the model")
        .set(7, State::Available(servable));
    App {
        models,
        workers: Workers::start(1, 1).expect("a thread"),
        metrics: Arc::new(Metrics::new(Instant::now())),
        clock: Arc::new(|| strongroom_crypto::UnixTime(0)),
        limits: RequestLimits {
            body_bytes_max: 1,
            bodies_bytes_max: 1,
            tensor_bytes_max: 1,
            rest_timeout: std::time::Duration::ZERO,
        },
        encoding: crate::tensor::proto::Encoding::Typed,
        check_method_names,
    }
}

fn example(x: f32) -> Example {
    let kind = Some(Kind::FloatList(FloatList { value: vec![x] }));
    Example {
        features: Some(Features {
            feature: [("x".to_owned(), Feature { kind })].into(),
        }),
    }
}

fn model_spec(signature: &str) -> Option<ModelSpec> {
    Some(ModelSpec {
        name: "m".to_owned(),
        signature_name: signature.to_owned(),
        version_choice: None,
    })
}

fn with<T>(app: &App, work: impl FnOnce(Context<'_>) -> T) -> T {
    let permit = app.admit("m", None).expect("anyone");
    work(Context {
        app,
        permit: &permit,
        deadline: None,
    })
}

fn regression(app: &App, signature: &str, rows: Vec<Example>) -> Result<Vec<f32>, String> {
    let request = RegressionRequest {
        model_spec: model_spec(signature),
        input: Some(input(rows)),
    };
    let answer =
        with(app, |context| regress(context, &request)).map_err(|error| error.message().to_owned())?;
    let regressions = answer.result.expect("a result").regressions;
    Ok(regressions.into_iter().map(|one| one.value).collect())
}

fn classification(app: &App, signature: &str) -> Result<Vec<(String, f32)>, String> {
    let request = ClassificationRequest {
        model_spec: model_spec(signature),
        input: Some(input(vec![example(1.0), example(2.0)])),
    };
    let answer =
        with(app, |context| classify(context, &request)).map_err(|error| error.message().to_owned())?;
    assert_eq!(
        answer.model_spec.expect("a spec").version_choice,
        Some(SpecVersion::Version(7))
    );
    let rows = answer.result.expect("a result").classifications;
    Ok(rows
        .into_iter()
        .flat_map(|row| row.classes)
        .map(|class| (class.label, class.score))
        .collect())
}

#[test]
fn rows_become_classes_and_numbers() {
    let app = app(vec![], false);
    let classes = classification(&app, "").expect("classes");
    assert_eq!(classes, [("1".to_owned(), 2.0), ("2".to_owned(), 4.0)]);
    assert_eq!(
        regression(&app, "regress", vec![example(1.5), example(3.0)]),
        Ok(vec![1.5, 3.0])
    );
}

#[test]
fn a_row_wins_over_the_context() {
    let app = app(vec![], false);
    let list = ExampleListWithContext {
        examples: vec![Example::default(), example(5.0)],
        context: Some(example(4.0)),
    };
    let request = RegressionRequest {
        model_spec: model_spec("regress"),
        input: Some(Input {
            kind: Some(input::Kind::ExampleListWithContext(list)),
        }),
    };
    let answer = with(&app, |context| regress(context, &request)).expect("an answer");
    let values: Vec<f32> = answer
        .result
        .expect("a result")
        .regressions
        .iter()
        .map(|one| one.value)
        .collect();
    assert_eq!(values, [4.0, 5.0]);
}

#[test]
fn refuses_with_the_texts_that_clients_know() {
    let plain = app(vec![], false);
    let refused = |signature: &str| regression(&plain, signature, vec![example(1.0)]).expect_err("refused");
    assert_eq!(
        refused("nothing"),
        "No signature was found with the name: nothing"
    );
    assert!(
        refused("predict")
            .starts_with("No regression inputs found in SignatureDef: inputs {\n  key: \"x\"\n")
    );
    assert_eq!(refused("serving_default"), "Expected one output Tensor.");
    assert_eq!(
        refused("floats"),
        "Expects arg[0] to be float but string is provided"
    );
    assert_eq!(
        regression(&plain, "regress", vec![]),
        Err("Input is empty.".to_owned())
    );
    assert_eq!(
        classification(&plain, "three"),
        Err("Expected one or two output Tensors, found 3".to_owned())
    );
    let text = classification(&plain, "regress").expect_err("refused");
    assert!(
        text.starts_with("Expected classification signature outputs to contain at least one of"),
        "{text}"
    );
    let strict = app(vec![], true);
    assert_eq!(
        regression(&strict, "serving_default", vec![example(1.0)]),
        Err(
            "Expected regression signature method_name to be tensorflow/serving/regress. Was: \
             tensorflow/serving/classify"
                .to_owned()
        )
    );
}

#[test]
fn outputs_of_another_shape_are_refused() {
    for (shape, text) in [
        (
            vec![2],
            "Expected Tensor shape: [batch_size num_classes] but got [2]",
        ),
        (vec![3, 1], "Expected scores output batch size of 2. Got: 3"),
        (
            vec![2, 2],
            "Tensors class and score should match in dim_size(1). Got 1 vs. 2",
        ),
    ] {
        assert_eq!(classification(&app(shape, false), ""), Err(text.to_owned()));
    }
}

fn tasks(names: &[(&str, &str)]) -> MultiInferenceRequest {
    let task = |(model, signature): &(&str, &str)| InferenceTask {
        model_spec: Some(ModelSpec {
            name: (*model).to_owned(),
            signature_name: (*signature).to_owned(),
            version_choice: None,
        }),
        method_name: String::new(),
    };
    MultiInferenceRequest {
        tasks: names.iter().map(task).collect(),
        input: Some(input(vec![example(1.0)])),
    }
}

#[test]
fn several_signatures_answer_at_once() {
    let app = app(vec![], false);
    let run = |names: &[(&str, &str)]| {
        let answer = with(&app, |context| multi_inference(context, &tasks(names)));
        answer
            .map(|answer| answer.results)
            .map_err(|error| error.message().to_owned())
    };
    let results = run(&[("m", ""), ("m", "regress")]).expect("results");
    assert!(matches!(
        results[0].result,
        Some(Outcome::ClassificationResult(_))
    ));
    assert!(matches!(results[1].result, Some(Outcome::RegressionResult(_))));
    for (names, text) in [
        (
            &[("m", ""), ("", "regress")][..],
            "Found ModelSpec with an empty model name.",
        ),
        (
            &[("m", ""), ("n", "regress")],
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            &[("m", ""), ("m", "serving_default")],
            "Duplicate evaluation of signature: serving_default",
        ),
        (
            &[("m", "nothing")],
            "Requested signature not found in model graph: nothing",
        ),
        (
            &[("m", "predict")],
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        (&[("", "")], "ModelSpec has no name specified."),
        (&[], "Missing ModelSpec"),
    ] {
        assert_eq!(run(names), Err(text.to_owned()));
    }
}
