//! Bodies and what they stand for, or why they are refused.

use std::collections::BTreeMap;

use bytes::Bytes;
use strongroom_api::serving::DataType;

use super::*;
use crate::engine::TensorSpec;
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

fn read(text: &str, inputs: &[(&str, DataType)]) -> Result<(Form, BTreeMap<String, Tensor>), RequestError> {
    Body::parse(text.as_bytes(), 1 << 20)?.inputs(&signature(inputs))
}

fn one(text: &str, dtype: DataType) -> (Form, Vec<usize>, Data) {
    let (form, mut inputs) = read(text, &[("x", dtype)]).unwrap_or_else(|error| panic!("{text}: {error}"));
    let (shape, data) = inputs.remove("x").expect("the input").into_parts();
    (form, shape, data)
}

fn refusal(text: &str, inputs: &[(&str, DataType)]) -> String {
    read(text, inputs).expect_err(text).message().to_owned()
}

const FLOAT: DataType = DataType::DtFloat;

#[test]
fn reads_rows_and_columns() {
    let floats = |values: &[f32]| Data::Float(values.to_vec());
    for (text, form, shape, data) in [
        (
            r#"{"instances":[1,2.5,1e40]}"#,
            Form::Rows,
            vec![3],
            floats(&[1.0, 2.5, f32::INFINITY]),
        ),
        (
            r#"{"instances":[[1,2],[3,4]]}"#,
            Form::Rows,
            vec![2, 2],
            floats(&[1.0, 2.0, 3.0, 4.0]),
        ),
        (
            r#"{"instances":[{"x":1},{"x":2}]}"#,
            Form::Rows,
            vec![2],
            floats(&[1.0, 2.0]),
        ),
        (
            r#"{"inputs":[[1],[2]]}"#,
            Form::Columns,
            vec![2, 1],
            floats(&[1.0, 2.0]),
        ),
        (
            r#"{"inputs":{"x":[1],"ignored":"y"}}"#,
            Form::Columns,
            vec![1],
            floats(&[1.0]),
        ),
        (r#"{"inputs":7}"#, Form::Columns, vec![], floats(&[7.0])),
        (r#"{"inputs":[]}"#, Form::Columns, vec![0], floats(&[])),
    ] {
        assert_eq!(one(text, FLOAT), (form, shape, data), "{text}");
    }
}

#[test]
fn the_signature_decides_the_type() {
    let of = |text: &str, dtype| one(&format!("{{\"inputs\":{text}}}"), dtype).2;
    assert_eq!(
        of("[true,false]", DataType::DtBool),
        Data::Bool(vec![true, false])
    );
    assert_eq!(
        of("[-9223372036854775808]", DataType::DtInt64),
        Data::Int64(vec![i64::MIN])
    );
    assert_eq!(
        of("[18446744073709551615]", DataType::DtUint64),
        Data::UInt64(vec![u64::MAX])
    );
    assert_eq!(of("[300]", DataType::DtUint8), Data::UInt8(vec![44]));
    let strings = vec![Bytes::from_static(b"plain"), Bytes::from_static(b"hello")];
    assert_eq!(
        of(r#"["plain",{"b64":"aGVsbG8"}]"#, DataType::DtString),
        Data::String(strings)
    );
}

#[test]
fn base64_rows_are_values_and_no_named_inputs() {
    let (form, shape, data) = one(r#"{"instances":[{"b64":"aGVsbG8="}]}"#, DataType::DtString);
    assert_eq!((form, shape), (Form::Rows, vec![1]));
    assert_eq!(data, Data::String(vec![Bytes::from_static(b"hello")]));
}

#[test]
fn several_inputs_come_by_name() {
    let inputs = [("a", FLOAT), ("b", DataType::DtInt64)];
    let (_, tensors) =
        read(r#"{"instances":[{"a":[1,2],"b":3},{"b":4,"a":[5,6]}]}"#, &inputs).expect("tensors");
    assert_eq!(tensors["a"].shape(), [2, 2]);
    assert_eq!(tensors["b"].data(), &Data::Int64(vec![3, 4]));
}

#[test]
fn refuses_bodies_that_are_no_request() {
    let x = [("x", FLOAT)];
    for (text, expected) in [
        ("", "JSON Parse error: The document is empty. at offset: 0"),
        ("[1]", "JSON Value: [1] Is not object"),
        ("{}", "Missing 'inputs' or 'instances' key"),
        (
            r#"{"instances":[]}"#,
            "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array",
        ),
    ] {
        assert_eq!(refusal(text, &x), expected);
    }
    assert!(refusal(r#"{"signature_name":1}"#, &x).ends_with("'signature_name' key must be a string value."));
    assert!(refusal(r#"{"instances":1}"#, &x).ends_with("Expecting 'instances' to be an list/array"));
    let both = refusal(r#"{"instances":[1],"inputs":[1]}"#, &x);
    assert!(both.ends_with("expecting only one of 'inputs' or 'instances' keys to exist "));
    assert_eq!(
        refusal(r#"{"inputs":1}"#, &[]),
        "Failed to get input map for signature: DEFAULT"
    );
    assert_eq!(
        refusal(r#"{"inputs":1,"signature_name":"s"}"#, &[]),
        "Failed to get input map for signature: s"
    );
}

#[test]
fn refuses_rows_that_differ() {
    let x = [("x", FLOAT)];
    let element = |index: usize, inner: &str| {
        format!("Failed to process element: {index} of 'instances' list. Error: INVALID_ARGUMENT: {inner}")
    };
    for (text, expected) in [
        (r#"{"instances":[1,[2]]}"#, element(1, "Expecting shape [] but got: [1]")),
        (r#"{"instances":[[1,2],[3]]}"#, element(1, "Expecting tensor size: 2 but got: 1")),
        (r#"{"instances":[[1,2],[[3],[4]]]}"#, element(1, "Expecting shape [2] but got: [2,1]")),
        (
            r#"{"instances":[[[1,2],[3]]]}"#,
            element(0, "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ),
        (r#"{"instances":[[1,[2]]]}"#, element(0, "Encountered list at unexpected level: 1 expected < 1")),
        (
            r#"{"instances":[[[1],2]]}"#,
            element(0, "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ),
        (
            r#"{"instances":["a"]}"#,
            element(0, "JSON Value: \"a\" Type: String is not of expected type: float"),
        ),
        (
            r#"{"instances":[1,{"x":2}]}"#,
            "Expecting value/list but got object at item 1 of input list".to_owned(),
        ),
        (
            r#"{"instances":[{"x":1},2]}"#,
            "Expecting object but got list at item 1 of input list".to_owned(),
        ),
        (
            r#"{"instances":[{"z":1}]}"#,
            "Failed to process element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does \
             not have named input: z"
                .to_owned(),
        ),
    ] {
        assert_eq!(refusal(text, &x), expected, "{text}");
    }
    let two = [("a", FLOAT), ("b", FLOAT)];
    assert!(refusal(r#"{"instances":[{"a":1}]}"#, &two).ends_with("keys must be equal to: a,b"));
    assert!(refusal(r#"{"instances":[1]}"#, &two).starts_with("instances is a plain list, but expecting"));
    assert!(refusal(r#"{"inputs":[1]}"#, &two).starts_with("inputs is a plain value/list, but expecting"));
    assert_eq!(
        refusal(r#"{"inputs":{"a":1}}"#, &two),
        "Missing named input: b in 'inputs' object."
    );
}

#[test]
fn refuses_values_of_another_type() {
    let code = |text: &str, dtype| read(text, &[("x", dtype)]).expect_err(text);
    let int = code(r#"{"inputs":[1.0]}"#, DataType::DtInt32);
    assert_eq!(
        int.message(),
        "JSON Value: 1.0 Type: Number is not of expected type: int32"
    );
    assert!(
        code(r#"{"inputs":[2147483648]}"#, DataType::DtInt32)
            .message()
            .contains("int32")
    );
    assert!(
        code(r#"{"inputs":[1]}"#, DataType::DtBool)
            .message()
            .contains("expected type: bool")
    );
    assert!(
        code(r#"{"inputs":[null]}"#, FLOAT)
            .message()
            .contains("Type: Null")
    );
    let b64 = code(r#"{"inputs":[{"b64":"!"}]}"#, DataType::DtString);
    assert_eq!(b64.message(), "Unable to base64 decode");
    let half = code(r#"{"inputs":[1]}"#, DataType::DtHalf);
    assert_eq!(half.code(), Code::Unimplemented);
    assert_eq!(half.message(), "Conversion of JSON Value: 1 to type: half");
}

#[test]
fn memory_is_bounded() {
    let read = |text: &str, dtype, bytes_max| {
        Body::parse(text.as_bytes(), bytes_max)?.inputs(&signature(&[("x", dtype), ("y", dtype)]))
    };
    // The document is refused before there is a tensor.
    let many = format!(r#"{{"x":[{}[0]]}}"#, "[0],".repeat(1 << 10));
    let error = read(&many, FLOAT, 1 << 14).expect_err("too large");
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert!(error.message().contains("32768 bytes"), "{error}");
    assert!(error.message().contains("--max_tensor_bytes"), "{error}");
    // All tensors share one allowance.
    let string = "a".repeat(512);
    for text in [
        format!(r#"{{"instances":[{{"x":"{string}","y":"{string}"}}]}}"#),
        format!(r#"{{"inputs":{{"x":"{string}","y":"{string}"}}}}"#),
    ] {
        let error = read(&text, DataType::DtString, 1000).expect_err("too large");
        assert_eq!(error.code(), Code::ResourceExhausted, "{text}");
        assert!(
            error
                .message()
                .contains("at most 1000 bytes (--max_tensor_bytes)"),
            "{error}"
        );
        assert!(read(&text, DataType::DtString, 1200).is_ok(), "{text}");
    }
}

#[test]
fn quirk_15_defaults_of_a_signature_are_not_for_rest() {
    let mut signature = signature(&[("a", FLOAT), ("b", FLOAT)]);
    let one = Tensor::new(vec![], Data::Float(vec![1.0])).expect("a scalar");
    signature.defaults.insert("b".to_owned(), one);
    for (text, end) in [
        (
            r#"{"inputs":{"a":1}}"#,
            "Missing named input: b in 'inputs' object.",
        ),
        (r#"{"instances":[{"a":1}]}"#, "keys must be equal to: a,b"),
    ] {
        let body = Body::parse(text.as_bytes(), 1 << 20).expect("JSON");
        let refused = body.request(|_| Some(&signature)).expect_err(text);
        assert!(refused.message().ends_with(end), "{refused}");
    }
}
