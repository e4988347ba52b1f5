//! What is read straight into tensors, held against what the whole document gives.

use strongroom_api::serving::DataType;

use super::*;
use crate::engine::TensorSpec;
use crate::rest::decode::Body;
use crate::tensor::Data;

fn signature(inputs: &[(&str, DataType)]) -> Signature {
    let spec = |(name, dtype): &(&str, DataType)| {
        let spec = TensorSpec {
            name: (*name).to_owned(),
            dtype: *dtype,
            shape: None,
        };
        ((*name).to_owned(), spec)
    };
    Signature::predict(inputs.iter().map(spec).collect(), BTreeMap::new())
}

fn read_with(text: &str, signature: &Signature) -> Option<Request> {
    let named = |name: &str| [DEFAULT_SIGNATURE, "other"].contains(&name).then_some(signature);
    read(text.as_bytes(), 1 << 20, named)
}

/// Reads in both ways and says whether this one could.
fn check(text: &str, inputs: &[(&str, DataType)]) -> bool {
    let signature = signature(inputs);
    let Some(request) = read_with(text, &signature) else {
        return false;
    };
    let body = Body::parse(text.as_bytes(), 1 << 20).unwrap_or_else(|error| panic!("{text}: {error}"));
    let (form, tensors) = body
        .inputs(&signature)
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(request.form, form, "{text}");
    assert_eq!(request.signature, body.signature(), "{text}");
    for (alias, tensor) in &tensors {
        assert_eq!(request.inputs[alias].shape(), tensor.shape(), "{text}");
        // A number that is none is not equal to itself.
        let bits = |data: &Data| match data {
            Data::Float(values) => values.iter().map(|value| value.to_bits()).collect(),
            _ => Vec::new(),
        };
        let (found, expected) = (request.inputs[alias].data(), tensor.data());
        assert!(
            found == expected || (!bits(found).is_empty() && bits(found) == bits(expected)),
            "{text}"
        );
    }
    assert_eq!(request.inputs.len(), tensors.len(), "{text}");
    true
}

const FLOAT: DataType = DataType::DtFloat;
const STRING: DataType = DataType::DtString;

#[test]
fn usual_bodies_are_read() {
    for text in [
        r#"{"instances":[1,2.5,1e40]}"#,
        r#"{"instances": [[1, 2], [3, 4]]}"#,
        r#" { "instances" : [ [ [ 1 ] , [ 2 ] ] ] } trailing"#,
        r#"{"instances":[{"x":1},{"x":2}]}"#,
        r#"{"instances":[{"x":[[1,2]]},{"x":[[3,4]]}]}"#,
        r#"{"inputs":[[1],[2]]}"#,
        r#"{"inputs":{"x":[1]}}"#,
        r#"{"inputs":7}"#,
        r#"{"inputs":[NaN,-Infinity,Inf]}"#,
        r#"{"signature_name":"other","inputs":[1]}"#,
        r#"{"inputs":[1],"signature_name":""}"#,
    ] {
        assert!(check(text, &[("x", FLOAT)]), "{text}");
    }
    let strings = r#"{"instances":["a\u00e9\n",{"b64":"aGk="},{ "b64" : "aGk" }]}"#;
    assert!(check(strings, &[("x", STRING)]));
    let named = r#"{"instances":[{"a":["x"],"b":1},{"b":2,"a":[{"b64":"aGk="}]}]}"#;
    assert!(check(named, &[("a", STRING), ("b", DataType::DtInt64)]));
    assert!(check(r#"{"instances":[true,false]}"#, &[("x", DataType::DtBool)]));
    assert!(check(r#"{"instances":[300,-1]}"#, &[("x", DataType::DtUint8)]));
}

#[test]
fn everything_else_is_left_to_the_document() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"instances":[1,2"#,
        r#"{"instances":[]}"#,
        r#"{"instances":1}"#,
        r#"{"instances":{"x":1}}"#,
        r#"{"instances":[1,[2]]}"#,
        r#"{"instances":[[1,2],[3]]}"#,
        r#"{"instances":[[1],2]}"#,
        r#"{"instances":[1,{"x":2}]}"#,
        r#"{"instances":[{"x":1},2]}"#,
        r#"{"instances":[{"x":1},{}]}"#,
        r#"{"instances":[{"x":1,"x":2}]}"#,
        r#"{"instances":[{"x":1,"y":2}]}"#,
        r#"{"instances":["a"]}"#,
        r#"{"instances":[null]}"#,
        r#"{"instances":[1],"inputs":[1]}"#,
        r#"{"instances":[1],"instances":[1]}"#,
        r#"{"inputs":[1],"other":2}"#,
        r#"{"inputs":{"y":1}}"#,
        r#"{"inputs":{"b64":"aGk="}}"#,
        r#"{"inputs":[1],"signature_name":"other"}"#,
        r#"{"inputs":[1],"signature_name":1}"#,
        r#"{"signature_name":"unknown","inputs":[1]}"#,
        r#"{"inputs":[1] "signature_name":""}"#,
        r#"{"inputs":[1 2]}"#,
        r#"{"inputs":[1e400]}"#,
        r#"{"inputs":[01]}"#,
    ] {
        assert!(!check(text, &[("x", FLOAT)]), "{text}");
    }
    let deep = format!("{{\"inputs\":{}1{}}}", "[".repeat(17), "]".repeat(17));
    assert!(!check(&deep, &[("x", FLOAT)]));
    assert!(!check(r#"{"instances":[1]}"#, &[("x", FLOAT), ("y", FLOAT)]));
    assert!(!check(r#"{"instances":[{"b64":"!"}]}"#, &[("x", STRING)]));
    assert!(!check(r#"{"instances":[1]}"#, &[("x", DataType::DtHalf)]));
    assert!(!check(r#"{"inputs":1}"#, &[]));
    assert!(!check(r#"{"inputs":{"b64":"aGk="}}"#, &[("b64", STRING)]));
}

#[test]
fn tensors_take_no_more_than_they_may() {
    let signature = signature(&[("x", FLOAT)]);
    let read = |text: &str, bytes_max| read(text.as_bytes(), bytes_max, |_| Some(&signature));
    assert!(read(r#"{"inputs":[1,2,3,4]}"#, 16).is_some());
    assert!(read(r#"{"inputs":[1,2,3,4]}"#, 15).is_none());
}
