//! TensorFlow Serving's REST.

use std::collections::BTreeMap;

use ::http::Method;
use serde_json::{Map, Value, json};
use strongroom_api::serving::DEFAULT_SIGNATURE;

use super::{Input, Prediction, Signature, image};
use crate::error::Error;
use crate::rest::{Body, Rest, sentence};

pub(super) async fn signature(rest: &Rest, model: &str) -> Result<Signature, Error> {
    let answer = get(rest, &format!("/v1/models/{}/metadata", escaped(model))).await?;
    let signatures = &answer["metadata"]["signature_def"]["signature_def"];
    Signature::from_json(&signatures[DEFAULT_SIGNATURE])
        .ok_or_else(|| rest.unclear("its metadata has no signature `serving_default`"))
}

pub(super) async fn predict(
    rest: &Rest,
    model: &str,
    signature: &Signature,
    input: &Input,
) -> Result<Prediction, Error> {
    let body = body(signature, input)?;
    let path = format!("/v1/models/{}:predict", escaped(model));
    let answer = post(rest, &path, body.to_string().into_bytes()).await?;
    let outputs = outputs(signature, answer).ok_or_else(|| rest.unclear("it has no predictions"))?;
    Ok(Prediction {
        model: model.to_owned(),
        version: None,
        outputs,
    })
}

fn body(signature: &Signature, input: &Input) -> Result<Value, Error> {
    Ok(match input {
        Input::Json(Value::Array(rows)) => json!({ "instances": rows }),
        Input::Json(body @ Value::Object(_)) => body.clone(),
        Input::Json(_) => return Err(Error::input("instances", "neither a list nor a predict body")),
        Input::Images(images) => {
            let (name, spec) = signature.only_input()?;
            json!({ "inputs": { name: image::batch(images, name, spec)?.to_nested() } })
        }
        Input::Tensors(tensors) => {
            let mut inputs = Map::new();
            for (name, tensor) in tensors {
                let name = if name.is_empty() {
                    signature.only_input()?.0
                } else {
                    name
                };
                signature.input(name)?;
                inputs.insert(name.to_owned(), tensor.to_nested());
            }
            json!({ "inputs": inputs })
        }
    })
}

/// Both of TensorFlow Serving's answers, by row and by output, as outputs by name.
fn outputs(signature: &Signature, mut answer: Value) -> Option<BTreeMap<String, Value>> {
    let only = || {
        signature
            .outputs
            .keys()
            .next()
            .cloned()
            .unwrap_or_else(|| "output".to_owned())
    };
    let several = signature.outputs.len() > 1;
    if let Some(outputs) = answer.get_mut("outputs").map(Value::take) {
        return Some(match outputs {
            Value::Object(by_name) if several => by_name.into_iter().collect(),
            one => BTreeMap::from([(only(), one)]),
        });
    }
    let Value::Array(rows) = answer.get_mut("predictions").map(Value::take)? else {
        return None;
    };
    if !several {
        return Some(BTreeMap::from([(only(), Value::Array(rows))]));
    }
    let mut columns: BTreeMap<String, Value> = BTreeMap::new();
    for row in rows {
        let Value::Object(row) = row else { return None };
        for (name, value) in row {
            columns
                .entry(name)
                .or_insert_with(|| Value::Array(Vec::new()))
                .as_array_mut()?
                .push(value);
        }
    }
    Some(columns)
}

async fn get(rest: &Rest, path: &str) -> Result<Value, Error> {
    understood(rest, rest.exchange(Method::GET, path, Body::Empty).await?)
}

async fn post(rest: &Rest, path: &str, body: Vec<u8>) -> Result<Value, Error> {
    understood(rest, rest.exchange(Method::POST, path, Body::Plain(body)).await?)
}

fn understood(rest: &Rest, (status, bytes): (::http::StatusCode, bytes::Bytes)) -> Result<Value, Error> {
    if status.is_success() {
        return rest.read(&bytes);
    }
    let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let message = answer["error"]
        .as_str()
        .map_or_else(|| format!("HTTP status {status}"), sentence);
    Err(Error::Predict {
        peer: rest.peer().to_owned(),
        message,
    })
}

/// A model's name in a path. The manifest allows letters, digits, `_`, `-` and `.`; the rest is of no use there.
fn escaped(model: &str) -> String {
    model
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Tensor;
    use super::super::signature::tests::digits;
    use super::*;

    #[test]
    fn each_kind_of_input_becomes_a_body() {
        let signature = digits();
        let rows = json!([[1.0], [2.0]]);
        assert_eq!(
            body(&signature, &Input::Json(rows.clone())).unwrap(),
            json!({ "instances": rows })
        );
        let whole = json!({ "inputs": { "image": rows }, "signature_name": "x" });
        assert_eq!(body(&signature, &Input::Json(whole.clone())).unwrap(), whole);
        let tensor = Tensor::from_nested(&rows).unwrap();
        let unnamed = Input::Tensors(BTreeMap::from([(String::new(), tensor.clone())]));
        assert_eq!(
            body(&signature, &unnamed).unwrap(),
            json!({ "inputs": { "image": rows } })
        );
        let strange = Input::Tensors(BTreeMap::from([("picture".to_owned(), tensor)]));
        assert!(body(&signature, &strange).is_err());
        assert!(body(&signature, &Input::Json(json!(7))).is_err());
    }

    #[test]
    fn rows_and_columns_are_one_answer() {
        let signature = digits();
        let expected = BTreeMap::from([
            ("digit".to_owned(), json!([3, 7])),
            ("probabilities".to_owned(), json!([[0.1], [0.2]])),
        ]);
        let by_row = json!({ "predictions": [
            { "digit": 3, "probabilities": [0.1] }, { "digit": 7, "probabilities": [0.2] },
        ] });
        assert_eq!(outputs(&signature, by_row), Some(expected.clone()));
        let by_output = json!({ "outputs": { "digit": [3, 7], "probabilities": [[0.1], [0.2]] } });
        assert_eq!(outputs(&signature, by_output), Some(expected));

        let mut one = digits();
        one.outputs.remove("probabilities");
        let expected = BTreeMap::from([("digit".to_owned(), json!([3, 7]))]);
        assert_eq!(
            outputs(&one, json!({ "predictions": [3, 7] })),
            Some(expected.clone())
        );
        assert_eq!(outputs(&one, json!({ "outputs": [3, 7] })), Some(expected));
        assert_eq!(outputs(&one, json!({ "error": "no" })), None);
        assert_eq!(outputs(&signature, json!({ "predictions": [3] })), None);
    }

    #[test]
    fn a_name_stays_one_part_of_the_path() {
        assert_eq!(escaped("digits-2.1_x"), "digits-2.1_x");
        assert_eq!(escaped("../a b?c"), "..abc");
    }
}
