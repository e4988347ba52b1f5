//! Texts, and what they are or why they are refused.

use super::*;
use crate::rest::json::scan::{NO_EXPONENT, NO_FRACTION, NUMBER_TOO_BIG};

fn parse(text: &[u8]) -> Result<Value, ParseError> {
    super::parse(text, usize::MAX)
}

fn refusal(text: &str) -> String {
    parse(text.as_bytes()).expect_err(text).to_string()
}

#[test]
fn reads_values() {
    let object =
        parse(br#" {"a": [1, -2, 3.5, 18446744073709551615], "b": {"c": "x\u00e9\n"}, "d": null}tail"#);
    let array = vec![
        Value::Number(Number::Int(1)),
        Value::Number(Number::Int(-2)),
        Value::Number(Number::Double(3.5)),
        Value::Number(Number::UInt(u64::MAX)),
    ];
    let object = object.expect("JSON");
    assert_eq!(object.member("a"), Some(&Value::Array(array)));
    let inner = object.member("b").and_then(|inner| inner.member("c"));
    assert_eq!(inner, Some(&Value::String("xé\n".into())));
    assert_eq!(object.member("d"), Some(&Value::Null));
    assert_eq!(parse(br#""\ud83d\ude00""#), Ok(Value::String("😀".into())));
    assert_eq!(parse(b"[]"), Ok(Value::Array(vec![])));
    assert_eq!(
        parse(b"-Inf"),
        Ok(Value::Number(Number::Double(f64::NEG_INFINITY)))
    );
    assert_eq!(
        parse(b"Infinity"),
        Ok(Value::Number(Number::Double(f64::INFINITY)))
    );
    assert!(matches!(parse(b"NaN"), Ok(Value::Number(Number::Double(value))) if value.is_nan()));
}

#[test]
fn refuses_with_reason_and_offset() {
    for (text, reason, offset) in [
        ("", EMPTY, 0),
        ("  ", EMPTY, 2),
        ("[1,", INVALID_VALUE, 3),
        ("[1,]", INVALID_VALUE, 3),
        ("{\"a\":}", INVALID_VALUE, 5),
        ("[1 2]", NO_COMMA_ARRAY, 3),
        ("{\"a\":1,}", NO_NAME, 7),
        ("{\"a\" 1}", NO_COLON, 5),
        ("[1.]", NO_FRACTION, 3),
        ("[1e]", NO_EXPONENT, 3),
        ("[Infinite]", INVALID_VALUE, 8),
        (r#"["\u12g4"]"#, BAD_HEX, 2),
        (r#"["\udc00"]"#, BAD_SURROGATE, 2),
        (r#"["\x"]"#, BAD_ESCAPE, 2),
        ("[\"", NO_QUOTE, 2),
        ("1e999", NUMBER_TOO_BIG, 0),
    ] {
        assert_eq!(
            refusal(text),
            format!("JSON Parse error: {reason} at offset: {offset}"),
            "{text}"
        );
    }
}

#[test]
fn memory_is_bounded() {
    let bytes_max = 1 << 20;
    let too_large = Err(ParseError::TooLarge { bytes_max });
    let list = |element: &str, times: usize| format!("[{}]", vec![element; times].join(","));
    for (element, times) in [
        ("[0]", 1 << 15),
        ("{\"\":0}", 1 << 14),
        ("0", 1 << 16),
        ("\"abc\"", 1 << 15),
    ] {
        let text = list(element, times);
        assert_eq!(super::parse(text.as_bytes(), bytes_max), too_large, "{element}");
        assert!(
            super::parse(list(element, times / 64).as_bytes(), bytes_max).is_ok(),
            "{element}"
        );
    }
    let text = format!("{{\"{}\":0}}", "n".repeat(bytes_max));
    assert_eq!(super::parse(text.as_bytes(), bytes_max), too_large);
    let Ok(Value::Array(elements)) = parse(b"[[0],[1]]") else {
        panic!("a list");
    };
    assert!(matches!(&elements[0], Value::Array(inner) if inner.capacity() == 1));
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert!(refusal(&nested(DEPTH_MAX + 1)).contains(TOO_DEEP));
    assert!(refusal(&"[".repeat(1 << 20)).contains(TOO_DEEP));
}
