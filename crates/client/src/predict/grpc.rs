//! TensorFlow Serving's gRPC.

use std::collections::BTreeMap;

use prost_types::Any;
use serde_json::Value;
use strongroom_api::proto::tensorflow::serving::prediction_service_client::PredictionServiceClient;
use strongroom_api::serving::{
    DEFAULT_SIGNATURE, GetModelMetadataRequest, ModelSpec, PredictRequest, SIGNATURE_DEF_MAP_TYPE_URL,
    SignatureDefMap, TensorProto, model_spec,
};
use strongroom_ratls::channel::HttpConnection;

use super::{Input, Prediction, Signature, Tensor, image};
use crate::error::Error;
use crate::rest::{ANSWER_BYTES_MAX, ANSWER_SECONDS_MAX, sentence};

fn client(connection: &HttpConnection) -> PredictionServiceClient<HttpConnection> {
    PredictionServiceClient::new(connection.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
}

fn spec(model: &str, signature_name: &str) -> Option<ModelSpec> {
    Some(ModelSpec {
        name: model.to_owned(),
        signature_name: signature_name.to_owned(),
        version_choice: None,
    })
}

pub(super) async fn signature(
    peer: &str,
    connection: &HttpConnection,
    model: &str,
) -> Result<Signature, Error> {
    let request = GetModelMetadataRequest {
        model_spec: spec(model, ""),
        metadata_field: vec!["signature_def".to_owned()],
    };
    let answer = timed(peer, client(connection).get_model_metadata(request))
        .await?
        .into_inner();
    let unclear = |why: &str| Error::Answer {
        peer: peer.to_owned(),
        why: why.to_owned(),
    };
    let any: &Any = answer
        .metadata
        .get("signature_def")
        .ok_or_else(|| unclear("its metadata is empty"))?;
    if any.type_url != SIGNATURE_DEF_MAP_TYPE_URL {
        return Err(unclear("its metadata is of another type"));
    }
    let map: SignatureDefMap = decode(&any.value).map_err(|_| unclear("its metadata cannot be read"))?;
    map.signature_def
        .get(DEFAULT_SIGNATURE)
        .map(Signature::from_proto)
        .ok_or_else(|| unclear("its metadata has no signature `serving_default`"))
}

fn decode<M: prost::Message + Default>(bytes: &[u8]) -> Result<M, prost::DecodeError> {
    M::decode(bytes)
}

pub(super) async fn predict(
    peer: &str,
    connection: &HttpConnection,
    model: &str,
    signature: &Signature,
    input: &Input,
) -> Result<Prediction, Error> {
    let request = PredictRequest {
        model_spec: spec(model, DEFAULT_SIGNATURE),
        inputs: inputs(signature, input)?,
        ..PredictRequest::default()
    };
    let answer = timed(peer, client(connection).predict(request))
        .await?
        .into_inner();
    let version = match answer.model_spec.and_then(|spec| spec.version_choice) {
        Some(model_spec::VersionChoice::Version(version)) => Some(version),
        _ => None,
    };
    let unclear = |why: String| Error::Answer {
        peer: peer.to_owned(),
        why,
    };
    let output = |(name, tensor): (&String, &TensorProto)| {
        Tensor::from_proto(tensor)
            .map(|tensor| (name.clone(), tensor.to_nested()))
            .map_err(unclear)
    };
    let outputs = answer.outputs.iter().map(output).collect::<Result<_, _>>()?;
    Ok(Prediction {
        model: model.to_owned(),
        version,
        outputs,
    })
}

fn inputs(signature: &Signature, input: &Input) -> Result<BTreeMap<String, TensorProto>, Error> {
    let tensors = match input {
        Input::Tensors(tensors) => tensors.clone(),
        Input::Images(images) => {
            let (name, spec) = signature.only_input()?;
            BTreeMap::from([(name.to_owned(), image::batch(images, name, spec)?)])
        }
        Input::Json(body) => from_json(signature, body)?,
    };
    let mut inputs = BTreeMap::new();
    for (name, tensor) in tensors {
        let name = if name.is_empty() {
            signature.only_input()?.0.to_owned()
        } else {
            name
        };
        let proto = tensor.to_proto(&name, signature.input(&name)?.data_type())?;
        inputs.insert(name, proto);
    }
    Ok(inputs)
}

/// A REST predict body as tensors: rows of values, rows of objects, or columns.
fn from_json(signature: &Signature, body: &Value) -> Result<BTreeMap<String, Tensor>, Error> {
    let one = |nested: &Value| -> Result<BTreeMap<String, Tensor>, Error> {
        let (name, _) = signature.only_input()?;
        Ok(BTreeMap::from([(name.to_owned(), Tensor::from_nested(nested)?)]))
    };
    let refused = || Error::input("instances", "a predict body has either `instances` or `inputs`");
    let rows = match body {
        Value::Array(_) => body,
        Value::Object(object) => match (object.get("instances"), object.get("inputs")) {
            (Some(rows), None) => rows,
            (None, Some(Value::Object(columns)))
                if columns.keys().all(|name| signature.inputs.contains_key(name)) =>
            {
                let column =
                    |(name, nested): (&String, &Value)| Ok((name.clone(), Tensor::from_nested(nested)?));
                return columns.iter().map(column).collect();
            }
            (None, Some(only)) => return one(only),
            _ => return Err(refused()),
        },
        _ => return Err(refused()),
    };
    let Value::Array(items) = rows else {
        return Err(refused());
    };
    let objects = items
        .first()
        .and_then(Value::as_object)
        .is_some_and(|row| !row.contains_key("b64"));
    if !objects {
        return one(rows);
    }
    let names = signature
        .inputs
        .keys()
        .filter(|name| items[0].get(name.as_str()).is_some());
    names
        .map(|name| {
            let missing = || Error::input("instances", format!("a row has no `{name}`"));
            let column: Option<Vec<Value>> =
                items.iter().map(|row| row.get(name.as_str()).cloned()).collect();
            Ok((
                name.clone(),
                Tensor::from_nested(&Value::Array(column.ok_or_else(missing)?))?,
            ))
        })
        .collect()
}

async fn timed<T>(peer: &str, call: impl Future<Output = Result<T, tonic::Status>>) -> Result<T, Error> {
    let limit = std::time::Duration::from_secs(ANSWER_SECONDS_MAX);
    let answer = tokio::time::timeout(limit, call)
        .await
        .map_err(|_| Error::Timeout {
            peer: peer.to_owned(),
            seconds: ANSWER_SECONDS_MAX,
        })?;
    answer.map_err(|status| Error::Predict {
        peer: peer.to_owned(),
        message: sentence(&format!("{} ({:?})", status.message(), status.code())),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::signature::tests::digits;
    use super::*;

    #[test]
    fn bodies_of_rest_are_understood() {
        let signature = digits();
        let nested = |body: Value| from_json(&signature, &body).map(|tensors| tensors["image"].to_nested());
        let rows = json!([[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(nested(rows.clone()).unwrap(), rows);
        assert_eq!(nested(json!({ "instances": rows })).unwrap(), rows);
        assert_eq!(nested(json!({ "inputs": rows })).unwrap(), rows);
        assert_eq!(nested(json!({ "inputs": { "image": rows } })).unwrap(), rows);
        let objects = json!({ "instances": [{ "image": [1.0, 2.0] }, { "image": [3.0, 4.0] }] });
        assert_eq!(nested(objects).unwrap(), rows);
        assert!(nested(json!({ "instances": [{ "image": [1.0] }, {}] })).is_err());
        assert!(nested(json!({ "instances": rows, "inputs": rows })).is_err());
        assert!(nested(json!({})).is_err());
    }

    #[test]
    fn types_are_those_of_the_model() {
        let signature = digits();
        let tensors = inputs(&signature, &Input::Json(json!([[1, 2]]))).unwrap();
        assert_eq!(tensors["image"].float_val, [1.0, 2.0]);
        assert!(inputs(&signature, &Input::Json(json!([["a"]]))).is_err());
    }
}
