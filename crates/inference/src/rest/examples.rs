//! The body of a REST Classify or Regress: JSON objects to rows of named features.
//!
//! The kind of a feature is the kind of its JSON values: a number with a fraction or exponent makes floats, another
//! number or a boolean makes integers, text makes bytes. So `1` and `1.0` are different features.

use bytes::Bytes;
use strongroom_api::serving::example::{
    BytesList, Example, Feature, Features, FloatList, Int64List, feature::Kind,
};
use strongroom_api::serving::{ExampleListWithContext, Input, input};

use super::column;
use super::json::{Number, Value};
use super::route::Verb;
use crate::error::RequestError;
use crate::infer;

/// Reads the rows of `document`.
///
/// # Errors
/// With TensorFlow Serving's texts.
pub fn read(document: &Value, verb: Verb) -> Result<Input, RequestError> {
    let refused = |what: &str| RequestError::invalid(format!("JSON Value: {} {what}", document.debug()));
    let Some(examples) = document.member("examples") else {
        // Both verbs say "classify": clients may match the text.
        let _ = verb;
        return Err(refused(
            "When method is classify, key 'examples' is expected and was not found",
        ));
    };
    let Some(rows) = examples.as_array() else {
        return Err(refused("Expecting 'examples' value to be an list/array"));
    };
    if rows.is_empty() {
        return Err(refused("'examples' value is an empty array"));
    }
    let examples = rows.iter().map(example).collect::<Result<Vec<_>, _>>()?;
    let Some(context) = document.member("context") else {
        return Ok(infer::input(examples));
    };
    let context = Some(example(context)?);
    Ok(Input {
        kind: Some(input::Kind::ExampleListWithContext(ExampleListWithContext {
            examples,
            context,
        })),
    })
}

fn example(value: &Value) -> Result<Example, RequestError> {
    let Value::Object(members) = value else {
        return Err(RequestError::invalid(format!(
            "Example must be JSON object but got JSON {}",
            value.type_name()
        )));
    };
    let mut features = Features::default();
    for (name, value) in members {
        let name = String::from_utf8_lossy(name).into_owned();
        let feature = feature(&name, value)?;
        // The first of two members of one name counts.
        features.feature.entry(name).or_insert(feature);
    }
    Ok(Example {
        features: Some(features),
    })
}

fn feature(name: &str, value: &Value) -> Result<Feature, RequestError> {
    let mut kind = None;
    match value {
        Value::Array(elements) => elements
            .iter()
            .try_for_each(|element| add(name, &mut kind, element))?,
        element => add(name, &mut kind, element)?,
    }
    Ok(Feature { kind })
}

fn add(name: &str, kind: &mut Option<Kind>, element: &Value) -> Result<(), RequestError> {
    let mixed = |expected: &str| {
        RequestError::invalid(format!(
            "Unexpected element type in feature: {name} expecting type: {expected}"
        ))
    };
    let found = read_element(name, element)?;
    match (&mut *kind, found) {
        (None, Element::Float(value)) => *kind = Some(Kind::FloatList(FloatList { value: vec![value] })),
        (None, Element::Int(value)) => *kind = Some(Kind::Int64List(Int64List { value: vec![value] })),
        (None, Element::Text(value)) => {
            *kind = Some(Kind::BytesList(BytesList { value: vec![value] }));
        }
        (Some(Kind::FloatList(list)), Element::Float(value)) => list.value.push(value),
        (Some(Kind::Int64List(list)), Element::Int(value)) => list.value.push(value),
        (Some(Kind::BytesList(list)), Element::Text(value)) => list.value.push(value),
        (Some(Kind::FloatList(_)), _) => return Err(mixed("float")),
        (Some(Kind::Int64List(_)), _) => return Err(mixed("int64")),
        (Some(Kind::BytesList(_)), _) => return Err(mixed("bytes")),
    }
    Ok(())
}

enum Element {
    Float(f32),
    Int(i64),
    Text(Vec<u8>),
}

fn read_element(name: &str, value: &Value) -> Result<Element, RequestError> {
    match value {
        Value::Number(Number::Double(value)) => Ok(Element::Float(*value as f32)),
        Value::Number(Number::Int(value)) => Ok(Element::Int(*value)),
        Value::Number(Number::UInt(_)) => Err(RequestError::invalid(format!(
            "Feature: {name} has uint64_t element. Only int64_t is supported."
        ))),
        Value::Bool(value) => Ok(Element::Int(i64::from(*value))),
        Value::String(text) => Ok(Element::Text(text.clone())),
        Value::Object(_) if value.as_base64().is_some() => {
            column::string(value).map(|text: Bytes| Element::Text(text.into()))
        }
        other => Err(RequestError::invalid(format!(
            "Feature: {name} has element with unexpected JSON type: {}",
            other.type_name()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::json;

    fn rows(text: &str) -> Result<Vec<Example>, String> {
        let document = json::parse(text.as_bytes(), 1 << 20).expect("JSON");
        let input = read(&document, Verb::Classify).map_err(|error| error.message().to_owned())?;
        match input.kind {
            Some(input::Kind::ExampleList(list)) => Ok(list.examples),
            Some(input::Kind::ExampleListWithContext(list)) => {
                Ok(list.context.into_iter().chain(list.examples).collect())
            }
            None => Ok(Vec::new()),
        }
    }

    fn kind(text: &str) -> Result<Kind, String> {
        let mut rows = rows(&format!("{{\"examples\":[{{\"f\":{text}}}]}}"))?;
        let features = rows.remove(0).features.expect("features");
        Ok(features.feature["f"].kind.clone().expect("a kind"))
    }

    #[test]
    fn the_kind_of_a_feature_is_that_of_its_values() {
        assert_eq!(kind("1.0"), Ok(Kind::FloatList(FloatList { value: vec![1.0] })));
        assert_eq!(
            kind("[1, 2]"),
            Ok(Kind::Int64List(Int64List { value: vec![1, 2] }))
        );
        assert_eq!(kind("true"), Ok(Kind::Int64List(Int64List { value: vec![1] })));
        let bytes = BytesList {
            value: vec![b"a".to_vec(), b"hi".to_vec()],
        };
        assert_eq!(kind("[\"a\", {\"b64\": \"aGk=\"}]"), Ok(Kind::BytesList(bytes)));
    }

    #[test]
    fn refuses_with_the_texts_that_clients_know() {
        let refused = |text: &str| kind(text).expect_err("refused");
        assert_eq!(
            refused("[1, 2.0]"),
            "Unexpected element type in feature: f expecting type: int64"
        );
        assert_eq!(
            refused("[1.0, 2]"),
            "Unexpected element type in feature: f expecting type: float"
        );
        assert_eq!(
            refused("[\"a\", 2]"),
            "Unexpected element type in feature: f expecting type: bytes"
        );
        assert_eq!(
            refused("null"),
            "Feature: f has element with unexpected JSON type: Null"
        );
        assert_eq!(
            refused("[[1]]"),
            "Feature: f has element with unexpected JSON type: Array"
        );
        assert_eq!(
            refused("18446744073709551615"),
            "Feature: f has uint64_t element. Only int64_t is supported."
        );
        assert_eq!(
            rows("{\"examples\":[[1]]}").expect_err("refused"),
            "Example must be JSON object but got JSON Array"
        );
        for (text, end) in [
            (
                "{}",
                "When method is classify, key 'examples' is expected and was not found",
            ),
            (
                "{\"examples\":1}",
                "Expecting 'examples' value to be an list/array",
            ),
            ("{\"examples\":[]}", "'examples' value is an empty array"),
        ] {
            let refused = rows(text).expect_err("refused");
            assert!(
                refused.starts_with("JSON Value: ") && refused.ends_with(end),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_context_goes_with_the_rows() {
        let rows = rows("{\"context\":{\"c\":1},\"examples\":[{\"f\":2}]}").expect("rows");
        assert_eq!(rows.len(), 2);
    }
}
