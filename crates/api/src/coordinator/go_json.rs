//! JSON as Go's `encoding/json` writes and reads it: MarbleRun's clients see these bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::{CompactFormatter, Formatter};
use std::io;

/// Serialises `value` with `<`, `>`, `&`, U+2028 and U+2029 escaped, and no newline at the end.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut out,
        Escaping(CompactFormatter),
    ))?;
    Ok(out)
}

/// Reads the first JSON value of `body` and ignores what follows it, as Go's `Decoder` does. The error is Go's text.
pub fn from_first<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    match serde_json::Deserializer::from_slice(body).into_iter::<T>().next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(error_text(body, &error)),
        None => Err("EOF".to_owned()),
    }
}

/// Go's words for a syntax error; ours where Go would speak of its own types.
pub fn error_text(body: &[u8], error: &serde_json::Error) -> String {
    let first = body.iter().copied().find(|b| !b.is_ascii_whitespace());
    match first {
        None => "EOF".to_owned(),
        Some(b) if !(b.is_ascii_digit() || matches!(b, b'{' | b'[' | b'"' | b'-' | b't' | b'f' | b'n')) => {
            format!(
                "invalid character '{}' looking for beginning of value",
                (b as char).escape_default()
            )
        }
        Some(_) if error.is_eof() => "unexpected EOF".to_owned(),
        Some(_) => {
            // serde appends a position; the text before it says what is wrong and repeats no value.
            let text = error.to_string();
            text.split(" at line ")
                .next()
                .unwrap_or("malformed JSON")
                .to_owned()
        }
    }
}

struct Escaping(CompactFormatter);

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut start = 0;
        for (at, c) in fragment.char_indices() {
            let escape: &[u8] = match c {
                '<' => b"\\u003c",
                '>' => b"\\u003e",
                '&' => b"\\u0026",
                '\u{2028}' => b"\\u2028",
                '\u{2029}' => b"\\u2029",
                _ => continue,
            };
            self.0.write_string_fragment(writer, &fragment[start..at])?;
            writer.write_all(escape)?;
            start = at + c.len_utf8();
        }
        self.0.write_string_fragment(writer, &fragment[start..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_go_does() {
        let text = to_vec("a<b>&\u{2028}\u{2029}\"\n").expect("strings serialise");
        assert_eq!(
            String::from_utf8(text).expect("JSON is UTF-8"),
            r#""a\u003cb\u003e\u0026\u2028\u2029\"\n""#
        );
    }

    #[test]
    fn errors_speak_go() {
        let read = |body: &[u8]| from_first::<serde_json::Value>(body).expect_err("refused");
        assert_eq!(read(b""), "EOF");
        assert_eq!(read(b"  "), "EOF");
        assert_eq!(read(b"x"), "invalid character 'x' looking for beginning of value");
        assert_eq!(read(b"{\"a\":"), "unexpected EOF");
    }

    #[test]
    fn only_the_first_value_is_read() {
        assert_eq!(
            from_first::<serde_json::Value>(b"{} trailing").expect("first value"),
            serde_json::json!({})
        );
    }
}
